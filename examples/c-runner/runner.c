/*
 * A runtime of its own, put behind vrrl by two pipes: spec/backend-protocol.md in C99, without a library.
 *
 *   cc -std=c99 -O2 -o runner runner.c
 *   vrrl backend-check 'exec:./runner'
 *
 * It is a small bank. Jobs come through a ring of 64 cells; there are 16 accounts, a count of the jobs done, and a journal
 * of notes whose order means nothing. What is about the protocol is from "frames" down; what is above is the runtime.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the runtime ------------------------------------------------------------------------------------------------- */

enum { CELLS = 64, ACCOUNTS = 16, JOURNAL = 32, ARGUMENTS = 12 };
enum { NOTHING = 0, DEPOSIT = 1, TRANSFER = 2, NOTE = 3 };
enum { SHORT_OF_FUNDS = 1, NO_SUCH_ACCOUNT = 2, NO_SUCH_JOB = 3 };

/* What is observed, in this order: accounts, then jobs done, then how many notes there are, then the notes. */
enum { DONE_JOBS = ACCOUNTS, NOTES = ACCOUNTS + 1, FIRST_NOTE = ACCOUNTS + 2, STATE_WORDS = ACCOUNTS + 2 + JOURNAL };
static uint32_t state[STATE_WORDS];

static const char *const reasons[] = {"", "the account is short of funds", "there is no such account", "there is no such job"};

/* Does one job; 0, or why not. */
static uint32_t do_job(uint32_t job, const uint32_t *arguments) {
  uint32_t from = arguments[0], to = arguments[1], amount = arguments[2];
  switch (job) {
  case NOTHING:
    break;
  case DEPOSIT:
    if (from >= ACCOUNTS) return NO_SUCH_ACCOUNT;
    state[from] += arguments[1];
    break;
  case TRANSFER:
    if (from >= ACCOUNTS || to >= ACCOUNTS) return NO_SUCH_ACCOUNT;
    if (state[from] < amount) return SHORT_OF_FUNDS;
    state[from] -= amount;
    state[to] += amount;
    break;
  case NOTE:
    if (state[NOTES] < JOURNAL) state[FIRST_NOTE + state[NOTES]] = arguments[0];
    state[NOTES] += 1; /* also beyond the end, so that it shows that notes were dropped */
    break;
  default:
    return NO_SUCH_JOB;
  }
  state[DONE_JOBS] += 1;
  return 0;
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

enum { HELLO = 1, READY, START, DONE, RUN, DRAINED, REFUSED, OBSERVE, WORDS, RESTORE, STOP, FAILED };
enum { SLOT_WORDS = 4 + ARGUMENTS, RUN_BYTES = 4 * (1 + CELLS * SLOT_WORDS), HELLO_BYTES = 64 << 20 };

static uint8_t *payload;
static uint32_t payload_bytes, payload_room;
static uint8_t answer[4 * (3 + CELLS * (5 + 16))];
static uint32_t answer_bytes;

static uint32_t word_at(const uint8_t *bytes) {
  return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void put_word(uint8_t *bytes, uint32_t word) {
  for (int index = 0; index < 4; index++) bytes[index] = (uint8_t)(word >> 8 * index);
}

static void add_word(uint32_t word) {
  put_word(answer + answer_bytes, word);
  answer_bytes += 4;
}

/* Text, filled up with zeros to whole words. */
static void add_text(const char *text) {
  uint32_t length = (uint32_t)strlen(text), padded = (length + 3) / 4 * 4;
  memset(answer + answer_bytes, 0, padded);
  memcpy(answer + answer_bytes, text, length);
  answer_bytes += padded;
}

static void send(uint32_t type, const void *bytes, uint32_t count) {
  uint8_t header[8];
  put_word(header, count);
  put_word(header + 4, type);
  fwrite(header, 1, 8, stdout);
  fwrite(bytes, 1, count, stdout);
  fflush(stdout); /* or the host waits for what lies in our buffer */
}

static void fail(const char *message, int usable) {
  char json[256];
  int length = snprintf(json, sizeof json, "{\"kind\":\"protocol\",\"message\":\"%s\",\"usable\":%s}", message,
                        usable ? "true" : "false");
  send(FAILED, json, (uint32_t)length);
  if (!usable) exit(1);
}

/* The next request's type; 0 when the host has gone. fread comes back with all it was asked for, or at the end. */
static uint32_t receive(uint32_t limit) {
  uint8_t header[8];
  if (fread(header, 1, 8, stdin) != 8) return 0;
  payload_bytes = word_at(header);
  if (payload_bytes > limit) fail("the frame is longer than maxPayloadBytes", 0);
  if (payload_bytes > payload_room) {
    payload = realloc(payload, payload_bytes);
    payload_room = payload_bytes;
    if (payload == NULL) fail("no memory for the frame", 0);
  }
  return fread(payload, 1, payload_bytes, stdin) == payload_bytes ? word_at(header + 4) : 0;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static void hello(void) {
  char json[1024];
  int length = snprintf(
      json, sizeof json,
      "{\"protocol\":\"vrrl-backend\",\"version\":1,\"name\":\"c-bank\",\"slotCount\":%d,\"maxPayloadBytes\":%d,"
      "\"canRestore\":true,\"layout\":{\"areas\":[{\"name\":\"accounts\",\"words\":%d},{\"name\":\"done\",\"words\":1},"
      "{\"name\":\"journal\",\"words\":%d}],\"regions\":[{\"name\":\"notes\",\"area\":\"journal\",\"start\":1,\"count\":%d,"
      "\"equivalence\":\"multiset\",\"usedWordsAt\":0}]},"
      "\"probes\":[{\"opcode\":1,\"args\":[3,100]},{\"opcode\":2,\"args\":[3,4,1]},{\"opcode\":3,\"args\":[7]},"
      "{\"opcode\":2,\"args\":[5,6,1]}]}",
      CELLS, RUN_BYTES, ACCOUNTS, JOURNAL + 1, JOURNAL);
  send(READY, json, (uint32_t)length);
}

/* Why a RUN cannot be taken, and the position of the slot it is because of; NULL if it can. Before anything runs. */
static const char *check_run(uint32_t count, uint32_t *position) {
  uint8_t taken[CELLS] = {0};
  for (*position = 0; *position < count; ++*position) {
    uint32_t cell = word_at(payload + 4 + 4 * SLOT_WORDS * *position);
    if (cell >= CELLS) return "there is no such cell";
    if (taken[cell]) return "the cell is taken";
    taken[cell] = 1;
  }
  return NULL;
}

static void refuse(uint32_t position, const char *why) {
  answer_bytes = 0;
  add_word(position);
  memcpy(answer + 4, why, strlen(why));
  send(REFUSED, answer, 4 + (uint32_t)strlen(why));
}

static void run(void) {
  uint32_t count = payload_bytes < 4 ? UINT32_MAX : word_at(payload), position, faults = 0;
  if (count > CELLS || payload_bytes != 4 * (1 + count * SLOT_WORDS)) {
    fail("RUN is not as long as its count says", 1);
    return;
  }
  const char *why = check_run(count, &position);
  if (why != NULL) {
    refuse(position, why);
    return;
  }
  answer_bytes = 12; /* done, no slot pending, faults: known at the end */
  for (uint32_t each = 0; each < count; each++) {
    const uint8_t *slot = payload + 4 + 4 * SLOT_WORDS * each;
    uint32_t arguments[ARGUMENTS], job = word_at(slot + 4), reason;
    for (int index = 0; index < ARGUMENTS; index++) arguments[index] = word_at(slot + 16 + 4 * index);
    if ((reason = do_job(job, arguments)) == 0) continue;
    faults++;
    add_word(word_at(slot));
    add_word(job);
    add_word(reason);
    add_word(arguments[0]);
    add_word((uint32_t)strlen(reasons[reason]));
    add_text(reasons[reason]);
  }
  put_word(answer, count - faults);
  put_word(answer + 4, 0);
  put_word(answer + 8, faults);
  send(DRAINED, answer, answer_bytes);
}

static void observe(void) {
  uint8_t words[4 * STATE_WORDS];
  for (int index = 0; index < STATE_WORDS; index++) put_word(words + 4 * index, state[index]);
  send(WORDS, words, sizeof words);
}

static void restore(void) {
  if (payload_bytes != 4 * STATE_WORDS) {
    fail("RESTORE is not as long as a snapshot", 1);
    return;
  }
  for (int index = 0; index < STATE_WORDS; index++) state[index] = word_at(payload + 4 * index);
  send(DONE, "", 0);
}

/* On Windows, set both streams to binary first: _setmode(_fileno(stdin), _O_BINARY), and stdout likewise. */
int main(void) {
  uint32_t type = receive(HELLO_BYTES);
  if (type == 0) return 0;
  if (type != HELLO) fail("the first request is not HELLO", 0);
  hello(); /* its version is for the host to compare; a kernel that is offered is not ours to run */
  while ((type = receive(RUN_BYTES)) != 0) {
    switch (type) {
    case START: memset(state, 0, sizeof state); send(DONE, "", 0); break;
    case RUN: run(); break;
    case OBSERVE: observe(); break;
    case RESTORE: restore(); break;
    case STOP: send(DONE, "", 0); return 0;
    default: fail("no such request", 1);
    }
  }
  return 0; /* standard input was closed: the same as STOP */
}

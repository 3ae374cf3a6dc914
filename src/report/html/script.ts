/** What a report does beyond being read: buttons that copy, and epochs that say their number. All of it can be missing. */

export const SCRIPT = `
(function () {
  'use strict';
  function select(element) {
    var range = document.createRange();
    range.selectNodeContents(element);
    var selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }
  document.querySelectorAll('.copy').forEach(function (box) {
    var text = box.querySelector('code, pre');
    var button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Copy';
    function done() {
      button.textContent = 'Copied';
      setTimeout(function () { button.textContent = 'Copy'; }, 1500);
    }
    function byHand() {
      select(text);
      if (document.execCommand('copy')) done();
    }
    button.addEventListener('click', function () {
      if (!navigator.clipboard) return byHand();
      navigator.clipboard.writeText(text.textContent).then(done, byHand);
    });
    box.appendChild(button);
  });
  var strip = document.querySelector('.strip');
  var label = document.querySelector('.strip-label');
  if (!strip || !label) return;
  var idle = label.textContent;
  var size = Number(strip.dataset.size);
  var columns = Number(strip.dataset.columns);
  var stretches = strip.dataset.stretches.split(' ').map(function (stretch) {
    var parts = stretch.split(':');
    return { verdict: parts[0].replace('-', ' '), first: Number(parts[1]), count: Number(parts[2]) };
  });
  var total = stretches.reduce(function (sum, stretch) { return sum + stretch.count; }, 0);
  function epochAt(index) {
    for (var i = 0; i < stretches.length; i += 1) {
      if (index < stretches[i].count) return { epoch: stretches[i].first + index, verdict: stretches[i].verdict };
      index -= stretches[i].count;
    }
    return undefined;
  }
  strip.addEventListener('pointermove', function (event) {
    var box = strip.getBoundingClientRect();
    var column = Math.floor((event.clientX - box.left) / box.width * columns);
    var row = Math.floor((event.clientY - box.top) / (box.width / columns));
    var from = epochAt((row * columns + column) * size);
    var to = epochAt(Math.min((row * columns + column + 1) * size, total) - 1);
    if (column < 0 || column >= columns || !from || !to) label.textContent = idle;
    else if (size > 1) label.textContent = 'epochs ' + from.epoch + ' to ' + to.epoch;
    else label.textContent = 'epoch ' + from.epoch + ': ' + from.verdict;
  });
  strip.addEventListener('pointerleave', function () { label.textContent = idle; });
})();
`;

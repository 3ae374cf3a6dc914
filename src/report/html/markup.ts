/** Markup that is safe by construction: text gets into it escaped, or not at all. */

import { printable } from '../../base/printable.ts';

/** A piece of HTML. Only {@link html} and {@link trusted} make one. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: text and numbers are escaped, nothing at all is left out. */
export type Insert = Markup | string | number | undefined | false | readonly Insert[];

/** HTML with everything that is inserted escaped, for element content and attributes in double quotes. */
export function html(parts: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  return new Markup(
    parts.map((part, index) => part + (index < inserts.length ? inserted(inserts[index]) : '')).join(''),
  );
}

/** Markup of our own: styles, scripts. Never of anything that was read. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function inserted(insert: Insert): string {
  if (insert === undefined || insert === false) return '';
  if (insert instanceof Markup) return insert.text;
  if (typeof insert === 'object') return insert.map(inserted).join('');
  return escapeHtml(String(insert));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it may stand in an element or a quoted attribute; what nobody could see is shown as an escape. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/**
 * File names as the kernel has them (bytes) and as people and JSON get them (text). PURE.
 *
 * The text of a name is unambiguous: what is no valid UTF-8, a control character or a backslash is written as an escape.
 * Nothing here turns text back into bytes: whoever needs to open a file keeps its bytes.
 */

export interface Name {
  readonly bytes: Buffer;
  readonly text: string;
}

/* eslint-disable-next-line no-control-regex -- control characters are what this is about */
const UNPRINTABLE = /[\u0000-\u001f\\\u007f-\u009f]/g;

/** The text of a name or path: UTF-8 as it is, `\\`, `\n`, `\t`, `\x01` (one byte) and `\u0085` (one character) escaped. */
export function renderBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(bytes)) return text.replace(UNPRINTABLE, escapeCharacter);
  return renderInvalid(bytes);
}

function escapeCharacter(character: string): string {
  if (character === '\\') return '\\\\';
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  const code = character.charCodeAt(0);
  return code < 0x80 ? escapeByte(code) : `\\u${code.toString(16).padStart(4, '0')}`;
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

function renderInvalid(bytes: Buffer): string {
  let text = '';
  for (let index = 0; index < bytes.length;) {
    const length = sequenceLength(bytes, index);
    const sequence = bytes.subarray(index, index + Math.max(length, 1));
    text +=
      length === 0 ? escapeByte(sequence[0] ?? 0) : sequence.toString('utf8').replace(UNPRINTABLE, escapeCharacter);
    index += sequence.length;
  }
  return text;
}

/** The length of the valid UTF-8 sequence that starts at `index`, or 0. */
function sequenceLength(bytes: Buffer, index: number): number {
  for (let length = 1; length <= 4; length += 1) {
    const sequence = bytes.subarray(index, index + length);
    if (Buffer.from(sequence.toString('utf8'), 'utf8').equals(sequence)) return length;
  }
  return 0;
}

/** A directory's names in the order that every walk of ours uses: by code unit of their text. */
export function sortNames(names: readonly Buffer[]): readonly Name[] {
  return names.map((bytes) => ({ bytes, text: renderBytes(bytes) })).sort((a, b) => compareText(a.text, b.text));
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Orders paths as a walk meets them: component by component, so that a directory's content follows it directly. */
export function comparePaths(a: string, b: string): number {
  // the text of a name holds no NUL, so that it can stand for the separator, below every character
  return compareText(a.replaceAll('/', '\0'), b.replaceAll('/', '\0'));
}

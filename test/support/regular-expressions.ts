import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';

/** A regular expression literal in a source file. */
export interface FoundPattern {
  readonly file: string;
  /** As written, with slashes and flags. */
  readonly literal: string;
}

/** What a regular expression may follow: the start of an expression. A slash after anything else divides. */
const beforeExpression = /(?:^|[([{,;=:!&|?+\-*%<>~^}]|=>|\b(?:return|typeof|case|in|of|void|throw|await|yield))$/;
const comment = /\/\/.*|\/\*[^]*?\*\/|#!.*/y;
const quoted = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'/y;
const template = /(?:[^`\\$]|\\[^]|\$(?!\{))*(?:`|\$\{)/y;
const literal = /\/(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[dgimsuvy]*/y;

/** Returns the regular expression literals of all TypeScript files in a folder. */
export function findPatterns(folder: string): FoundPattern[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .toSorted()
    .flatMap((file) => {
      const { code } = transformSync(readFileSync(join(folder, file), 'utf8'), {
        loader: file.endsWith('x') ? 'tsx' : 'ts',
      });
      return literalsOf(code).map((found) => ({ file, literal: found }));
    });
}

/** Returns the regular expression literals of a JavaScript text. Exported for its test. */
export function literalsOf(code: string): string[] {
  const found: string[] = [];
  // One entry per open brace. True: it belongs to `${` in a template.
  const braces: boolean[] = [];
  let at = 0;
  let before = '';
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const text = pattern.exec(code)?.[0];
    if (text !== undefined) at += text.length;
    return text;
  };
  const takeTemplate = (): void => {
    if (take(template)?.endsWith('${') === true) {
      braces.push(true);
      before = '{';
    } else before = '`';
  };
  while (at < code.length) {
    if (take(comment) !== undefined) continue;
    if (take(quoted) !== undefined) {
      before = '"';
      continue;
    }
    const pattern = beforeExpression.test(before) ? take(literal) : undefined;
    if (pattern !== undefined) {
      found.push(pattern);
      before = '/';
      continue;
    }
    const character = code.charAt(at);
    at += 1;
    if (character === '`') takeTemplate();
    else if (character === '}' && braces.pop() === true) takeTemplate();
    else {
      if (character === '{') braces.push(false);
      if (character.trim() !== '') before = `${before}${character}`.slice(-10);
      else if (/\w$/.test(before)) before = `${before} `.trimEnd();
    }
  }
  return found;
}

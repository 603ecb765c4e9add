import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';
import { isFull } from '../../support/extent.ts';
import { findPatterns, literalsOf } from '../../support/regular-expressions.ts';

const source = join(projectRoot, 'src');
/** Its page reads files that strangers made. */
const dashboard = join(projectRoot, 'dashboard', 'verify');
/** Linear time is milliseconds. Quadratic time is a minute for a quarter of the text that `npm run fuzz` tries. */
const characters = isFull ? 1_000_000 : 250_000;
const timeoutMs = 10_000;

/** Files whose patterns see only text that JSON.parse accepted, so that each string in it ends. */
const jsonOnly = new Set(['lib/core/json.ts', 'lib/judge/batch.ts', 'lib/gateway/send/shown-body.ts']);
const jsonText = `{"a":"${'\\"'.repeat(characters / 2)}"}`;

/** Texts that made a pattern of this project slow, or would. Each is repeated. */
const units = [
  'A',
  '0',
  'f',
  '-',
  '_',
  '.',
  '/',
  '\\',
  '"',
  '\\"',
  '=',
  ' ',
  '\n',
  ',',
  '{',
  '<',
  '?',
  'é',
  '\u{FFFF}',
  'eyJaaaaaaaaaaa.',
  'eyJaaaaaaaaaaa.aaaaaaaaaaa',
  '-----BEGIN PRIVATE KEY-----',
  '0.AAAA',
  'a-',
  'a.',
  'a=',
];

const repeated = (unit: string): string => `${unit.repeat(Math.ceil(characters / unit.length))}\0`;
const unitTexts = units.map(repeated);

/** The literal texts in a pattern: repeated, each may start a match that does not end. */
function fragmentsOf(literal: string): string[] {
  const text = literal
    .slice(1, literal.lastIndexOf('/'))
    .replaceAll(/\[(?:[^\]\\]|\\.)*\]|\{\d+,?\d*\}|\(\?[:=!<]*/g, '\n');
  return text
    .replaceAll(/\\([^\w])/g, '$1')
    .split(/[\n()|?*+^$\\]+/)
    .filter((fragment) => fragment.length > 1);
}

/** One for all attempts: to create it takes longer than most of them. */
const sandbox = createContext({ text: '', pattern: /^/ });

function replacesWithin(literal: string, text: string, ms = timeoutMs): boolean {
  const end = literal.lastIndexOf('/');
  const pattern = new RegExp(literal.slice(1, end), literal.slice(end + 1));
  try {
    Object.assign(sandbox, { text, pattern });
    runInContext('text.replace(pattern, "")', sandbox, { timeout: ms });
    return true;
  } catch {
    return false;
  }
}

describe('every regular expression in src and in the page that checks extracts', () => {
  const patterns = new Map(
    [...findPatterns(source), ...findPatterns(dashboard)].map(({ file, literal }) => [literal, jsonOnly.has(file)]),
  );

  it.each([...patterns])('takes linear time for its worst input: %s', (literal, isJsonOnly) => {
    const texts = isJsonOnly
      ? [jsonText]
      : [...unitTexts, ...fragmentsOf(literal).flatMap((fragment) => [repeated(fragment), repeated(`${fragment}A`)])];
    expect(texts.filter((text) => !replacesWithin(literal, text)).map((text) => text.slice(0, 40))).toEqual([]);
  });

  it('is a literal, except where it is built from constants of the project', () => {
    const built = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && /\bRegExp\(/.test(readFileSync(join(source, file), 'utf8')),
    );
    // The patterns of the policy are anchored and bounded; the names of secrets come from Key Vault.
    expect(built.toSorted()).toEqual([
      'lib/access/policy/policy-document.ts',
      'lib/tokens/credential/key-vault-credential-store.ts',
    ]);
  });

  it('is reported if it takes quadratic time', () => {
    expect(replacesWithin('/eyJ[A-Za-z0-9_-]{8,}\\./g', 'eyJ'.repeat(characters / 3), 1_000)).toBe(false);
  });
});

describe('literalsOf', () => {
  it.each([
    ['const a = /x/g, b = c / d / e;', ['/x/g']],
    ['f("/no/", `/no/${g(/yes/)}/no/`, \'/no/\') // /no/', ['/yes/']],
    ['return /[/"]/.test(s) /* /no/ */', ['/[/"]/']],
    ['if (a) { b(1) / 2 / 3 } else x = a[0] / 2 / 1', []],
    ['#!/usr/bin/env node\nx && !/\\/+$/u.test(y)', ['/\\/+$/u']],
  ])('finds the literals of %j', (code, found) => {
    expect(literalsOf(code)).toEqual(found);
  });
});

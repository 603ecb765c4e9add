import type { MapEntry } from './build-map.ts';
import { type Method, methods, schemes } from './permission-map.ts';
import { templateSegments } from './template.ts';

const line = /^([A-Z,]+) (\/\S+): ([^|]+?)(?: \|(.*))?$/;

/**
 * Reads a table of permissions. Each line is `METHOD,METHOD /path: Permission Permission`; a permission that needs another
 * one as well is written `A+B`, and the least privileged one ends with a star. After a bar follow the application
 * permissions; without a bar they are the delegated ones.
 * @throws Error for a line that is not of this form.
 */
export function tableEntries(table: string): readonly MapEntry[] {
  const lines = table.split('\n').map((text) => text.trim());
  return lines.filter((text) => text !== '' && !text.startsWith('#')).flatMap(lineEntries);
}

function lineEntries(text: string): readonly MapEntry[] {
  const [, verbs = '', path = '', delegated = '', application = delegated] = line.exec(text) ?? [];
  const segments = templateSegments(path);
  const known = verbs.split(',').filter((verb): verb is Method => (methods as readonly string[]).includes(verb));
  if (segments === undefined || known.length !== verbs.split(',').length) {
    throw new Error(`The line "${text}" of a permission table is broken.`);
  }
  return schemes.flatMap((scheme) =>
    wordsOf(scheme === 'delegated' ? delegated : application).flatMap((word) => {
      const least = word.endsWith('*');
      const [permission = '', ...alsoOneOf] = (least ? word.slice(0, -1) : word).split('+');
      return known.map((method) => ({ segments, method, scheme, permission, alsoOneOf, least }));
    }),
  );
}

const wordsOf = (text: string): readonly string[] => text.split(' ').filter((word) => word !== '');

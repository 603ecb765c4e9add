/**
 * How servers could read a path. The oracle knows nothing of the product's reader: it lists the readings that proxies and
 * servers are known for, and a request is sound only if every one of them is open.
 */

export interface Piece {
  /** In lower case. */
  readonly text: string;
  /** Written with its original case, for ids. */
  readonly raw: string;
  /** In quotes and parentheses, so it is a key for certain. */
  readonly key: boolean;
}

const tryDecode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Resolves `.` and `..`. */
function withoutDots(segments: readonly string[]): readonly string[] {
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  return kept;
}

/** Every reading of the path of a URL, as segments after the host. */
export function readings(url: string): readonly (readonly string[])[] {
  const path = url.replace(/^https:\/\/graph\.microsoft\.com(?=\/)/i, '').split(/[?#]/)[0] ?? '';
  const once = tryDecode(path);
  const texts = new Set(
    [path, once, tryDecode(once), once.normalize('NFKC')].flatMap((text) => [
      text,
      text.replaceAll('\\', '/'),
      text.split('\0')[0] ?? '',
    ]),
  );
  // The raw text is a reading only for a reader that decodes each segment after splitting.
  const split = [...texts].map((text) => text.split('/').map(tryDecode));
  const all = split.flatMap((segments) => [
    segments.slice(1),
    withoutDots(segments.slice(1)),
    segments.slice(1).filter((segment) => segment !== ''),
    segments.slice(1).map((segment) => segment.split(';')[0] ?? ''),
  ]);
  return [...new Map(all.map((segments) => [JSON.stringify(segments), segments])).values()];
}

const keyForm = /^([\w.]+)\((.*)\)$/s;

/** Pieces of a reading: keys apart from their collection, functions with the sorted names of their parameters. */
export function pieces(segments: readonly string[]): readonly Piece[] {
  const trimmed = segments.at(-1) === '' ? segments.slice(0, -1) : segments;
  return trimmed.flatMap((segment): Piece[] => {
    const [, name, inside] = keyForm.exec(segment) ?? [];
    if (name === undefined || inside === undefined) return [piece(segment)];
    if (inside === '') return [piece(name)];
    if (/^[A-Za-z_]\w*\s*=/.test(inside)) {
      const names = inside
        .replaceAll(/'(?:[^']|'')*'/g, '')
        .split(',')
        .map((text) => (text.split('=')[0] ?? '').trim().toLowerCase());
      return [piece(`${name}(${names.toSorted().join(',')})`)];
    }
    return [piece(name), { ...piece(inside.replace(/^'(.*)'$/s, '$1')), key: true }];
  });
}

const piece = (raw: string): Piece => ({
  raw,
  text: raw.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()),
  key: false,
});

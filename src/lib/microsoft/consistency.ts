/**
 * The header that a request needs: Graph answers `$search`, `$count` and some filters only with eventual consistency
 * ("Advanced query capabilities"), which they name by `$count=true`. Elsewhere Graph ignores the header.
 * @param path with query.
 */
export function consistencyHeader(path: string): Readonly<Record<string, string>> {
  const isAdvanced = /[?&]\$?(?:search|count)=/i.test(path.replaceAll('%24', '$')) || /\/\$count(?:\?|$)/i.test(path);
  return isAdvanced ? { consistencylevel: 'eventual' } : {};
}

/** How many names a sentence lists. */
const maxListed = 20;

/** Names for a sentence. */
export const listed = (names: readonly string[]): string =>
  names.length > maxListed
    ? `${names.slice(0, maxListed).join(', ')} and ${names.length - maxListed} more`
    : names.join(', ');

/** What a run was asked to visit, in words. */
export function askedText({
  tenants,
  except,
}: {
  readonly tenants?: readonly string[] | undefined;
  readonly except?: readonly string[] | undefined;
}): string {
  const named = tenants === undefined ? 'all' : listed(tenants);
  return except === undefined ? named : `${named}, except ${listed(except)}`;
}

/**
 * The header `Link` (RFC 8288) between the pages of an answer.
 *
 * @returns a link to the same path with this query. It is relative, so that it stays right behind a proxy that changes
 * the address of the API.
 */
export const nextLink = (query: Readonly<Record<string, string>>): string =>
  `<?${new URLSearchParams(query).toString()}>; rel="next"`;

/** The target of the link to the next page, resolved against the address of this one. Undefined on the last page. */
export function nextAddress(link: string | null, address: string): string | undefined {
  const [, target] = /<([^<>]*)>\s*;\s*rel="?next\b/.exec(link ?? '') ?? [];
  return target === undefined ? undefined : new URL(target, address).href;
}

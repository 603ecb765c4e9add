import type { Tenant } from '../../src/lib/api/trouble.ts';

/** What tenants are found by, in lower case: made once for a list, because it is searched at each key. */
const names = new WeakMap<readonly Tenant[], readonly (readonly [name: string, also: string])[]>();

function namesOf(tenants: readonly Tenant[]) {
  const known =
    names.get(tenants) ??
    tenants.map(
      ({ tenantId, name, defaultDomain = '' }) =>
        [name.toLowerCase(), `${defaultDomain} ${tenantId}`.toLowerCase()] as const,
    );
  names.set(tenants, known);
  return known;
}

/** Those that have the text, which is in lower case: names that begin with it first. */
export function having<T>(
  all: readonly T[],
  text: string,
  namesOf: (one: T, at: number) => readonly [name: string, also?: string | undefined],
): readonly T[] {
  const begins: T[] = [];
  const has: T[] = [];
  for (const [at, one] of all.entries()) {
    const [name, also] = namesOf(one, at);
    const place = name.indexOf(text);
    if (place === 0) begins.push(one);
    else if (place > 0 || also?.includes(text) === true) has.push(one);
  }
  return [...begins, ...has];
}

/** The tenants that have the text in their name, domain or id. */
export function tenantsHaving(tenants: readonly Tenant[], text: string): readonly Tenant[] {
  const known = namesOf(tenants);
  return having(tenants, text, (_, at) => known[at] ?? ['']);
}

/** A text with the part of it that was searched. */
export function Marked({ text, part }: { readonly text: string; readonly part: string }) {
  const at = part === '' ? -1 : text.toLowerCase().indexOf(part.toLowerCase());
  if (at === -1) return <>{text}</>;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + part.length)}</mark>
      {text.slice(at + part.length)}
    </>
  );
}

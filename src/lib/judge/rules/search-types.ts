import { notPermitted, unreadable } from '../refusal.ts';
import type { JsonObject } from '../reading/body.ts';
import type { Grant } from '../verdict.ts';

/** Types of the account's own data: their permissions cover nothing else, so the rule must allow /me. */
const ownTypes: ReadonlySet<unknown> = new Set(['message', 'event']);

/** Permissions that search a type of objects, one of which is needed ("Use the Microsoft Search API", "entityTypes"). */
const permissionsByType: Readonly<Record<string, readonly string[]>> = {
  message: ['Mail.Read', 'Mail.ReadWrite'],
  event: ['Calendars.Read', 'Calendars.ReadWrite'],
  driveItem: ['Files.Read.All', 'Files.ReadWrite.All', 'Sites.Read.All', 'Sites.ReadWrite.All'],
  drive: ['Files.Read.All', 'Files.ReadWrite.All', 'Sites.Read.All', 'Sites.ReadWrite.All'],
  list: ['Sites.Read.All', 'Sites.ReadWrite.All'],
  listItem: ['Sites.Read.All', 'Sites.ReadWrite.All'],
  site: ['Sites.Read.All', 'Sites.ReadWrite.All'],
  externalItem: ['ExternalItem.Read.All'],
  acronym: ['Acronym.Read.All'],
  bookmark: ['Bookmark.Read.All'],
  qna: ['QnA.Read.All'],
};

/** The types that the body of POST /search/query asks for. @throws Refusal for a body that does not say. */
export function searchedTypes(body: JsonObject | undefined): readonly string[] {
  const requests: unknown = body?.['requests'];
  const types = (Array.isArray(requests) ? requests : []).flatMap((request: unknown): unknown[] => {
    const asked: unknown = (request as { entityTypes?: unknown } | null)?.entityTypes;
    return Array.isArray(asked) && asked.length > 0 ? asked : [undefined];
  });
  if (types.length > 0 && types.every((type) => typeof type === 'string')) return [...new Set(types)];
  throw unreadable('The search does not name its entityTypes; list them in every request of the body.');
}

/** @returns the permissions that search these types. @throws Refusal for a type that the rule may not search. */
export const judgeSearchedTypes = (types: readonly string[], grant: Grant): readonly string[] =>
  types.map((type) => {
    const oneOf = Object.hasOwn(permissionsByType, type) ? (permissionsByType[type] ?? []) : [];
    const held = oneOf.find((permission) => grant.permissions.has(permission));
    if (held !== undefined && ownTypes.has(type) && grant.scheme === 'delegated' && !grant.me) {
      throw notPermitted(
        `The search asks for ${type}, which are objects of the signed-in account; add a path of /me to the rule, or leave the type out.`,
      );
    }
    if (held !== undefined) return held;
    throw notPermitted(
      oneOf.length === 0
        ? 'The search asks for a type that the gateway does not know; search for message, event, driveItem, list, listItem or site.'
        : `The search asks for ${type}; add ${oneOf.join(' or ')} to the rule, or leave the type out.`,
    );
  });

import { type Access, isOpen } from '../../../src/lib/api/route.ts';
import { type CallerRole, callerRoles } from '../../../src/lib/core/caller.ts';
import { routes } from '../../../tools/docs/declared-routes.ts';
import { type Attack, control } from '../attack.ts';
import { stranger } from '../forge.ts';

/** The roles of which one opens a route; none for an open route. */
const openers = (access: Access): readonly CallerRole[] =>
  isOpen(access) ? [] : typeof access === 'string' ? [access] : access;

/** A path without effect: what it names does not exist. */
const harmless = (path: string): string => `/api${path.replaceAll(/\{\*?\w+\}/g, 'none')}`;

export const roles: Attack = {
  name: 'roles',
  tries:
    'every declared route without a token, without a role, with each other role and with all roles but the required one',
  promise: 'Default deny.',
  run: async ({ app, forge, cloud }, _options, tally) => {
    for (const { name, method, path, access } of routes) {
      const request = { method, path: harmless(path), ...(method === 'POST' ? { body: {} } : {}) };
      const as = (...held: string[]) =>
        app.ask({ ...request, headers: { authorization: forge.bearer({ application: stranger, roles: held }) } });
      const opening = openers(access);
      if (opening.length === 0) continue;
      const none = await app.ask(request);
      tally.attempt(none.status === 401, `${name} without a token: ${none.status}`);
      const others = callerRoles.filter((role) => !opening.includes(role));
      const sets = [
        [],
        ...others.map((role) => [role]),
        others,
        [...opening.flatMap((role) => [role.toLowerCase(), `${role} `, `${role}.All`]), '*'],
      ];
      for (const held of sets) {
        const { status, code } = await as(...held);
        tally.attempt(
          status === 403 && code === 'caller_forbidden',
          `${name} with ${held.join() || 'no role'}: ${status} ${code}`,
        );
      }
      for (const role of opening) {
        const { status, text } = await as(role);
        control(status !== 401 && !text.includes('lacks the app role'), `${name} refuses ${role}: ${status} ${text}`);
      }
    }
    const open = routes.filter(({ access }) => isOpen(access));
    const { accounts, tenants, partnerTenantId, keyVault } = cloud.document;
    const secret = [
      partnerTenantId,
      keyVault,
      ...accounts.map(({ username }) => username),
      ...tenants.map(({ tenantId }) => tenantId),
    ];
    for (const { name, method, path } of open) {
      for (const headers of [{}, { authorization: forge.bearer({ application: stranger, roles: [] }) }]) {
        const { text } = await app.ask({ method, path: harmless(path), headers });
        // Whoever signs in has to know the tenant; Entra tells it to anybody who knows a domain of it.
        const needed = ['sign-in', 'mcp-metadata'].includes(name) ? [partnerTenantId] : [];
        const told = secret.filter((value) => text.includes(value) && !needed.includes(value));
        tally.attempt(told.length === 0, `${name} tells strangers ${told.slice(0, 3).join()}`);
      }
    }
    tally.note(`${routes.length} routes, ${open.length} of them open`);
  },
};

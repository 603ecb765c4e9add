import { describe, expect, it } from 'vitest';
import type { GraphContext } from '../../src/graph/context.ts';
import { GraphError } from '../../src/graph/graph-error.ts';
import { userRoutes } from '../../src/graph/users.ts';
import { createCustomers } from '../../src/population/customers.ts';
import { createUsers } from '../../src/population/users.ts';
import { createSeeded } from '../../src/seeded.ts';

const seeded = createSeeded(1);
const [customer] = createCustomers(1, seeded);
const users = customer === undefined ? [] : createUsers(customer, seeded, Date.parse('2026-11-24T00:00:00Z'));

function ask(path: '/v1.0/users' | '/v1.0/users/{id}', query: string, permissions: readonly string[]): number {
  const handle = userRoutes.find(({ method, pattern }) => method === 'GET' && pattern === path)?.handler.handle;
  const context = {
    world: { usersOf: () => users, addresses: () => ({ graph: 'https://graph.test' }) },
    request: { path, query: new URLSearchParams(query) },
    caller: { customer, permissions: new Set(permissions), isAdmin: false, isApplication: true },
    parameters: { id: users[0]?.id },
  };
  try {
    return handle?.(context as unknown as GraphContext).status ?? 0;
  } catch (error) {
    return error instanceof GraphError ? error.status : 0;
  }
}

describe('users', () => {
  it.each(['/v1.0/users', '/v1.0/users/{id}'] as const)(
    '%s returns signInActivity only with AuditLog.Read.All',
    (path) => {
      expect(ask(path, '$select=id,signInActivity', ['User.Read.All'])).toBe(403);
      expect(ask(path, '$select=id,signInActivity', ['User.Read.All', 'AuditLog.Read.All'])).toBe(200);
      expect(ask(path, '$select=id', ['User.Read.All'])).toBe(200);
    },
  );

  it('requires AuditLog.Read.All to filter by signInActivity', () => {
    const filter = '$filter=signInActivity/lastSignInDateTime le 2026-10-01T00:00:00Z';
    expect(ask('/v1.0/users', filter, ['User.Read.All'])).toBe(403);
    expect(ask('/v1.0/users', filter, ['AuditLog.Read.All'])).toBe(200);
  });
});

import { describe, expect, it } from 'vitest';
import { requestSubject } from '../../../../src/lib/gateway/request-subject.ts';
import type { Authorization } from '../../../../src/lib/gateway/authorize.ts';
import { contoso, portal } from './stage.ts';

interface Sent {
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function subject({ path = '/v1.0/users/1', query = '', headers = {} }: Sent, body: string) {
  const baseUrl = 'https://graph.example';
  const sent = { 'content-type': 'application/json', ...headers };
  const request = { method: 'PATCH', url: `${baseUrl}${path}${query}`, path, headers: sent };
  const authorization = {
    rule: { name: 'changes', application: 'default', grants: new Set(['delegated']) },
    tenantId: contoso,
    tenantName: 'Contoso',
    baseUrl,
    resource: { alias: 'graph', identifier: baseUrl },
    judged: {
      batch: false,
      cmdlet: undefined,
      verdict: { allowed: true, permissions: ['User.ReadWrite.All'], request },
    },
  };
  return requestSubject(authorization as unknown as Authorization, Buffer.from(body), portal);
}

const factNames = (body: string): readonly string[] => subject({}, body).facts.map(({ name }) => name);

describe('what deciders read of a request', () => {
  it.each([
    ['path', { path: `/v1.0/${'a'.repeat(2_000)}` }],
    ['query', { query: `?$filter=${'a'.repeat(2_000)}` }],
    ['header prefer', { headers: { prefer: `${'a'.repeat(290)}, IdType="ImmutableId"` } }],
  ])('is all of it: a long %s is refused', (what, sent) => {
    expect(() => subject(sent, '{}')).toThrow(new RegExp(`the ${what} is longer than`));
  });

  it('has every header in full', () => {
    const prefer = 'a'.repeat(300);
    expect(subject({ headers: { prefer } }, '{}').details).toContainEqual({ name: 'Header prefer', value: prefer });
  });

  it('has the digest of the body, unless it would help to guess a part that is hidden', () => {
    expect(factNames('{"accountEnabled":false}')).toContain('SHA-256 of the body');
    expect(factNames('{"passwordProfile":{"password":"Sommer2026!"}}')).not.toContain('SHA-256 of the body');
  });

  it('is bound to the whole body, also to its hidden parts', () => {
    const digestOf = (password: string): string => subject({}, JSON.stringify({ password })).digest;
    expect(digestOf('a')).not.toBe(digestOf('b'));
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adviceOf } from '../../../../src/lib/api/trouble.ts';
import { problemOf } from '../../../../src/lib/api/route.ts';
import { adviceForEvent } from '../../../../src/lib/tenant-events/create-tenant-events.ts';
import type { TenantEvent } from '../../../../src/lib/tenant-events/tenant-event.ts';
import { reasonTexts } from '../../../../src/lib/tenants/tenant.ts';
import { adviceFor, adviceForError, BrokerError, ptbCommand } from '../../../../src/lib/core/errors.ts';
import { errorCodes, errorTable, setupErrorCodes } from '../../../../src/lib/core/error-table.ts';
import { projectRoot } from '../../../paths.ts';

describe('adviceFor an operator', () => {
  it.each([
    [
      'credential_missing',
      'Run `ptb setup` and then `ptb consent`.',
      'Run `ptb setup --application reader` and then `ptb consent --application reader`.',
    ],
    [
      'client_credential_rejected',
      'Run `ptb rotate --client-credential`. If Entra rejects that too, run `ptb setup`, or `ptb setup --credential federated` to work without a secret.',
      'Run `ptb rotate --client-credential --application reader`. If Entra rejects that too, run `ptb setup --application reader`, or `ptb setup --credential federated --application reader` to work without a secret.',
    ],
    [
      'consent_required',
      'Run `ptb tenants consent --tenant <id>`, wait about three minutes, then try again.',
      'Run `ptb tenants consent --tenant <id> --application reader`, wait about three minutes, then try again.',
    ],
  ] as const)('names the application unless it is the default one: %s', (code, advice, named) => {
    expect(adviceFor(code, 'operator')).toBe(advice);
    expect(adviceFor(code, 'operator', 'default')).toBe(advice);
    expect(adviceFor(code, 'operator', 'reader')).toBe(named);
  });

  it('names no application in commands that take none', () => {
    expect(adviceFor('caller_forbidden', 'operator', 'reader')).toContain('`ptb policy test` explains the decision.');
    expect(adviceFor('tenant_not_delegated', 'operator', 'reader')).toContain('`ptb tenants` shows the reason');
  });

  it('exists for the codes of the command line as well', () => {
    expect(adviceFor('setup_refused', 'operator', 'reader')).toContain('`ptb setup --application reader`');
    for (const code of setupErrorCodes) expect(adviceFor(code, 'operator')).toMatch(/^[A-Z].*\.$/);
  });
});

describe('the advice about caller_forbidden', () => {
  it.each([
    ['role', /app role/, /policy/],
    ['rule', /rule to the access policy/, /role/],
    ['request', /`ptb permissions show/, /role|Add a rule/],
  ] as const)('is about what is missing: a %s', (lacks, about, notAbout) => {
    const error = new BrokerError('caller_forbidden', 'Why.', { lacks });
    expect(adviceForError(error, 'operator')).toMatch(about);
    expect(adviceForError(error, 'operator')).not.toMatch(notAbout);
    const { lacks: told, advice } = problemOf(error, 'id');
    expect([told, advice]).toEqual([lacks, adviceForError(error, 'caller')]);
    expect(advice).not.toMatch(/`|\bptb\b/);
  });
});

it('an ended relationship has one remedy: as a reason, an error and an event', () => {
  const remedy = 'Request a GDAP relationship in Partner Center and have the customer approve it.';
  expect(adviceOf('gdap_terminated')).toBe(remedy);
  expect(adviceFor('tenant_not_delegated', 'operator').startsWith(`${remedy} If one is active`)).toBe(true);
  expect(adviceForEvent({ kind: 'lost', reason: 'gdap_terminated' } as TenantEvent)).toBe(remedy);
  for (const text of Object.values(reasonTexts)) expect(text).not.toMatch(/request a/i);
});

describe('adviceFor a caller', () => {
  it.each(errorCodes)('names no command and no setting of the operator: %s', (code) => {
    expect(adviceFor(code, 'caller')).toMatch(/^[A-Z].*\.$/);
    expect(adviceFor(code, 'caller')).not.toMatch(/`|\bptb\b|[A-Z]+_[A-Z]+/);
  });
});

describe('ptbCommand', () => {
  it('adds --application for another application than the default one', () => {
    expect(ptbCommand('rotate')).toBe('`ptb rotate`');
    expect(ptbCommand('rotate', 'reader')).toBe('`ptb rotate --application reader`');
  });
});

it('the PowerShell module gives the problems of the broker that it writes itself their title and status', () => {
  const folder = join(projectRoot, 'clients/powershell/PartnerTokenBroker');
  const scripts = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ps1'));
  const problem = /\bcode\s*=\s*'(\w+)'\s*;\s*title\s*=\s*'([^']*)'[^]*?-Status (\d+)/g;
  const written = scripts.flatMap((path) => [...readFileSync(join(folder, path), 'utf8').matchAll(problem)]);
  expect(written.map(([, code]) => code)).toContain('tenant_unknown');
  for (const [, code = '', title, status] of written) {
    const known = errorTable[code as keyof typeof errorTable];
    expect([code, title, Number(status)]).toEqual([code, known.title, known.status]);
  }
});

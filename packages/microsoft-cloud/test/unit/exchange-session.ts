import { expect } from 'vitest';
import { createChanges } from '../../src/exchange/changes.ts';
import { cmdlets } from '../../src/exchange/cmdlets.ts';
import { ExchangeError, exchangeErrorReply } from '../../src/exchange/exchange-error.ts';
import { invoke } from '../../src/exchange/invoke.ts';
import type { Row } from '../../src/graph/declaration.ts';
import { factsOf } from '../../src/population/graph/facts.ts';
import type { Reply } from '../../src/web/http.ts';
import { customerCount, startMs, viewOf, worldOf } from './tenant-view.ts';

export const world = worldOf(1, customerCount);
// Customer 7 has 130 users.
export const view = viewOf(world, world.customers[7]);

interface More {
  /** `GET` for a list by address. */
  readonly method?: 'GET';
  readonly query?: string;
  readonly prefer?: string;
  readonly nowMs?: number;
}

interface Body {
  readonly value: readonly Row[];
  readonly '@odata.nextLink'?: string;
  readonly '@adminapi.warnings'?: readonly string[];
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly details?: readonly { readonly code: string; readonly message: string }[];
    readonly innererror: { readonly type: string; readonly internalexception: { readonly message: string } };
  };
}

/** A session of one administrator: changes are kept. */
export function session(of = view) {
  const changes = createChanges({ nowMs: () => startMs })(of.tenantId);
  return (name: string, input: Readonly<Record<string, unknown>> = {}, more: More = {}) => {
    const cmdlet = cmdlets.get(name.toLowerCase());
    if (cmdlet === undefined) throw new Error(`${name} is missing.`);
    const run = (): Reply =>
      invoke({
        cmdlet,
        input,
        facts: factsOf(of),
        changes,
        request: {
          method: more.method ?? 'POST',
          path: '/adminapi/beta/x/InvokeCommand',
          query: new URLSearchParams(more.query ?? ''),
          headers: more.prefer === undefined ? {} : { prefer: more.prefer },
          body: '',
          facts: {},
        },
        address: 'https://exchange.test/adminapi/beta/x/InvokeCommand',
        context: 'https://exchange.test/$metadata',
        nowMs: more.nowMs ?? startMs,
        addUser: () => undefined,
      });
    const reply = ((): Reply => {
      try {
        return run();
      } catch (error) {
        if (error instanceof ExchangeError) return exchangeErrorReply(error);
        throw error;
      }
    })();
    return { status: reply.status, ...(JSON.parse(reply.body ?? '{}') as Body) };
  };
}

export const only = (rows: readonly Row[]): Row => {
  expect(rows).toHaveLength(1);
  return rows[0] ?? {};
};

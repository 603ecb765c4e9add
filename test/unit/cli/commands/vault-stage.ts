import { Readable } from 'node:stream';
import { Command } from 'commander';
import { vi } from 'vitest';
import { runProgram } from '../../../../src/cli/run-program.ts';
import { parseTarget, type TargetOptions } from '../../../../src/cli/sign-in/target.ts';
import { trustOptions, type Toolbox } from '../../../../src/cli/sign-in/toolbox.ts';
import type { VaultInventory } from '../../../../src/lib/tokens/credential/vault-inventory.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import type { Fetch } from '../../../../src/lib/core/outbound.ts';
import type { FakeClock } from '../../../fakes/fake-clock.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';
import { captureOutput } from '../../../support/captured-output.ts';

export const partner = '99999999-9999-4999-8999-999999999999';
export const operatorId = '44444444-4444-4444-8444-444444444444';

/** What the command works on instead of Key Vault, Entra and Microsoft Graph. */
export interface VaultTools
  extends Pick<Toolbox, 'store' | 'redeemer'>,
    Partial<Pick<Toolbox, 'graph' | 'identityTrust'>>,
    Partial<Record<'inventory', VaultInventory>> {
  readonly clock: FakeClock;
  /** Answers requests to Partner Center and Microsoft Graph that are not made with `graph`. */
  readonly fetch?: Fetch;
  /** The claims of the person who signs in. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** What the person types at the first question. Absent: there is no terminal. */
  readonly answer?: string;
}

interface VaultCommandEnd {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  /** Tenant and body of each request for a device code: who signed in, and for which permissions. */
  readonly signIns: readonly { readonly tenant: string; readonly client: string; readonly scopes: readonly string[] }[];
}

const noNetwork: Fetch = (url) => Promise.reject(new Error(`the test answers no request to ${url}`));

const toolboxModule = '../../../../src/cli/sign-in/toolbox.ts';

/**
 * Runs a command that works on the vault, in this process. A person who must sign in does so with a device code, so give
 * `--device-code`. Time passes while the command waits. Unstub and restore mocks and environment after each test.
 */
export async function runOnVault(
  register: (program: Command) => void,
  words: readonly string[],
  tools: VaultTools,
): Promise<VaultCommandEnd> {
  vi.stubEnv('PARTNER_TENANT_ID', partner);
  vi.stubEnv('KEY_VAULT_URL', 'https://ours.vault.azure.net');
  vi.stubEnv('NO_COLOR', '1');
  const entra = scriptedFetch((request) => signInReply(request, tools.claims ?? {}));
  const network: Fetch = (url, init) => {
    const isEntra = url.startsWith('https://login.microsoftonline.com/');
    return (isEntra ? entra.fetch : (tools.fetch ?? noNetwork))(url, init);
  };
  vi.stubGlobal('fetch', network);
  vi.doMock(toolboxModule, () => ({
    trustOptions,
    openToolbox: async (options: TargetOptions, signal: AbortSignal) => ({
      newId: () => 'an-id',
      identityTrust: async () => undefined,
      exchangeDeps: { fetch: network, clock: tools.clock, random: () => 0, limiter: new Limiter(8) },
      ...tools,
      signal,
      target: parseTarget(options, process.env, {}),
      signInDeps: {
        fetch: network,
        clock: tools.clock,
        entraEndpoint: 'https://login.microsoftonline.com',
        signal,
        federatedAssertion: () => Promise.reject(new Error('there is no managed identity')),
        loadOAuth: () => import('oauth4webapi'),
      },
    }),
  }));
  const stage = takeTerminal(tools.answer);
  try {
    const program = new Command('ptb').enablePositionalOptions();
    register(program);
    const exit = await hurry(tools.clock, runProgram(program, ['node', 'ptb', ...words]));
    return { exit, ...stage.said(), signIns: entra.seen.flatMap(signInOf) };
  } finally {
    stage.restore();
    vi.doUnmock(toolboxModule);
  }
}

/** Restores what {@link runOnVault} replaced. */
export function clearStage(): void {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
}

/** Lets time pass whenever the work waits for it. */
async function hurry<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  const pending = new Set([work]);
  const settled = work.finally(() => pending.clear());
  settled.catch(() => undefined);
  while (pending.size > 0) {
    if (clock.sleeping > 0) await clock.advance(1_000);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return settled;
}

function takeTerminal(answer: string | undefined) {
  const said = captureOutput();
  const before = process.stderr.isTTY;
  const input = Object.assign(Readable.from([`${answer ?? ''}\n`]), { isTTY: answer !== undefined });
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(input as unknown as typeof process.stdin);
  Object.assign(process.stderr, { isTTY: answer !== undefined });
  return { said: () => said, restore: () => Object.assign(process.stderr, { isTTY: before }) };
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signInReply({ url }: SeenRequest, claims: Readonly<Record<string, unknown>>): Scripted {
  if (url.pathname.endsWith('/devicecode')) {
    return {
      device_code: 'device',
      user_code: 'CODE',
      verification_uri: 'https://microsoft.com/devicelogin',
      expires_in: 900,
      // Of the machine's clock in `ptb setup api`, which has no toolbox.
      interval: 0.001,
    };
  }
  const granted = { tid: partner, oid: operatorId, upn: 'admin@partner.example', amr: ['pwd', 'mfa'], ...claims };
  return {
    access_token: `e30.${encoded(granted)}.signature`,
    refresh_token: 'refresh-token-of-the-sign-in',
    token_type: 'Bearer',
    expires_in: 3600,
  };
}

function signInOf({ url, body }: SeenRequest): VaultCommandEnd['signIns'] {
  if (!url.pathname.endsWith('/devicecode')) return [];
  const form = new URLSearchParams(body);
  const scopes = (form.get('scope') ?? '').split(' ');
  return [{ tenant: url.pathname.split('/')[1] ?? '', client: form.get('client_id') ?? '', scopes }];
}

import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { callerRoles, type CallerRole } from '../../lib/core/caller.ts';
import { parseGuid } from '../../lib/core/identifiers.ts';
import { applicationUriNamePattern } from '../../lib/core/text.ts';
import { systemClock } from '../../lib/core/clock.ts';
import { Limiter } from '../../lib/core/limiter.ts';
import type { OperatorGraph } from '../../operator/setup/sign-in-application.ts';
import type { SetupApiOutcome, SetupApiPlan, SetupApiRequest } from '../../operator/setup/setup-api.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import type { SignInOptions } from '../sign-in/operator.ts';
import { confirm, isInteractive, print, say } from '../sign-in/output.ts';
import { addSignInOptions } from '../sign-in/target-options.ts';

interface SetupApiFlags extends SignInOptions {
  readonly partnerTenant?: string;
  readonly name: string;
  readonly displayName?: string;
  readonly principal?: string;
  readonly role: readonly CallerRole[];
  /** False with --no-roles. */
  readonly roles: boolean;
  readonly url?: string;
  readonly allowDeviceCode?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

/**
 * Least privilege of the requests ("Create application", "Grant an appRoleAssignment for a service principal", "Create
 * oAuth2PermissionGrant").
 */
const scopes = [
  'Application.ReadWrite.All',
  'AppRoleAssignment.ReadWrite.All',
  'DelegatedPermissionGrant.ReadWrite.All',
] as const;

/** `ptb setup api`: creates the application that callers request tokens for, and gives app roles. */
export function registerSetupApi(setup: Command): void {
  const command = setup
    .enablePositionalOptions()
    .command('api')
    .description(
      "Create or update the broker's own application and the one that people sign in with, and give app roles to you or to --principal.",
    )
    .option(
      '--name <name>',
      'last part of its App ID URI, which identifies it',
      applicationUriName,
      'partner-token-broker',
    )
    .option('--display-name <name>', 'its name in Entra, if it is created (default: from --name)')
    .option('--principal <object-id>', 'who gets app roles: a person, group or service principal (default: you)', guid)
    .addOption(new Option('--role <role...>', 'app roles to assign').choices(callerRoles).default(callerRoles, 'all'))
    .addOption(
      new Option('--no-roles', 'assign no app role, for example to repair a registration').conflicts([
        'principal',
        'role',
      ]),
    )
    .option('--url <address>', 'address of the function app, so that people can sign in to its dashboard', appAddress)
    .option('--allow-device-code', 'let people use `ptb login --device-code`, which phishing also uses')
    .option('--yes', 'do not ask for confirmation')
    .option('--dry-run', 'print the plan and change nothing')
    .option('--partner-tenant <id>', 'tenant id of the partner tenant (default: PARTNER_TENANT_ID)')
    .option('--json', 'one JSON document on standard output');
  addSignInOptions(command).action(interruptible(setupApi));
}

async function setupApi(flags: SetupApiFlags, signal: AbortSignal): Promise<void> {
  if (!flags.yes && !flags.dryRun && !isInteractive()) {
    say('ptb: There is no terminal to ask for confirmation. Give --yes to go ahead, or --dry-run to see the plan.');
    throw new CommandOutcome(exitCodes.usage);
  }
  const { planSetupApi, runSetupApi } = await import('../../operator/setup/setup-api.ts');
  const { deps, request } = await prepare(flags, signal);
  if (flags.dryRun) {
    const plan = await planSetupApi(deps, request);
    print(flags.json, { ...plan, dryRun: true }, planLines(plan));
    return;
  }
  const outcome = await runSetupApi(deps, request, flags.yes ? undefined : confirmPlan);
  print(flags.json, { ...outcome, changed: outcome.steps.length > 0 }, outcomeLines(outcome));
}

async function prepare(
  flags: SetupApiFlags,
  signal: AbortSignal,
): Promise<{ readonly deps: OperatorGraph; readonly request: SetupApiRequest }> {
  const { parseDirectory, readKnownSettings } = await import('../sign-in/target.ts');
  const target = parseDirectory(flags, process.env, await readKnownSettings(flags));
  const [{ operatorToken }, { readClaims }, { createGraphClient, createGraphWriter }] = await Promise.all([
    import('../sign-in/operator.ts'),
    import('../../lib/microsoft/token-reply.ts'),
    import('../../lib/microsoft/graph.ts'),
  ]);
  const fetch = (url: string, init: RequestInit): Promise<Response> => globalThis.fetch(url, init);
  const { entra, graph } = target.cloud.endpoints;
  const noAssertion = (): Promise<string> => Promise.reject(new Error('an operator signs in without an assertion'));
  const signInDeps = {
    fetch,
    clock: systemClock,
    entraEndpoint: entra,
    signal,
    federatedAssertion: noAssertion,
    loadOAuth: () => import('oauth4webapi'),
  };
  const token = await operatorToken({ target, signInDeps }, flags, scopes);
  const exchange = { fetch, clock: systemClock, random: Math.random, limiter: new Limiter(4) };
  const binding = { baseUrl: graph, correlationId: randomUUID(), signal, token: () => Promise.resolve(token) };
  return {
    deps: {
      graph: createGraphClient(exchange, binding),
      writer: createGraphWriter(exchange, binding),
      clock: systemClock,
    },
    request: {
      tenantId: target.partnerTenantId,
      name: flags.name,
      displayName: flags.displayName ?? `Partner Token Broker API (${flags.name})`,
      principal: flags.roles ? (flags.principal ?? readClaims(token.reveal()).objectId) : undefined,
      roles: flags.role,
      allowDeviceCode: flags.allowDeviceCode,
      pageRedirects: flags.url === undefined ? [] : [`${flags.url}/api/dashboard`],
    },
  };
}

async function confirmPlan(plan: SetupApiPlan): Promise<void> {
  for (const line of planLines(plan)) say(line);
  if (await confirm('Go ahead?')) return;
  say('Nothing was changed.');
  throw new CommandOutcome(exitCodes.failure);
}

const planLines = ({ steps }: SetupApiPlan): string[] =>
  steps.length === 0
    ? ['There is nothing to change: the application is set up.']
    : ['Steps:', ...steps.map((step, at) => `  ${at + 1}. ${step}`)];

const outcomeLines = ({ clientId, audiences, signInClientId, steps }: SetupApiOutcome): string[] => [
  steps.length === 0
    ? "Nothing was changed: the broker's own application was set up already."
    : `The broker's own application is set up. Changes: ${steps.length}.`,
  `Client id: ${clientId}`,
  `Audiences: ${audiences.join(',')}`,
  `Sign-in client: ${signInClientId}`,
];

/** Entra accepts plain HTTP for loopback addresses only. */
function appAddress(text: string): string {
  const url = URL.parse(text);
  const isLoopback = url?.hostname === 'localhost' || url?.hostname === '127.0.0.1';
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback)) return url.origin;
  throw new InvalidArgumentError('It must be an address such as https://NAME.azurewebsites.net.');
}

function applicationUriName(text: string): string {
  if (applicationUriNamePattern.test(text)) return text;
  throw new InvalidArgumentError('It must be 2 to 63 lower case letters, digits and hyphens.');
}

function guid(text: string): string {
  const id = parseGuid(text);
  if (id === undefined) throw new InvalidArgumentError('It must be an object id (GUID).');
  return id;
}

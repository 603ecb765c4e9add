import { exchangeAppId } from '../directory/microsoft-resources.ts';
import type { Engine } from '../graph/serve/engine.ts';
import { factsOf, type TenantKeys } from '../population/graph/facts.ts';
import { userRow } from '../population/graph/user-rows.ts';
import type { Profile } from '../population/graph/user-profiles.ts';
import { directoryRoles, rolesThatAllow } from '../population/roles.ts';
import { type Caller, callerOf, identifyByToken } from '../resource/caller.ts';
import { hasDelegatedRole } from '../resource/delegated-roles.ts';
import { createTenantTraits } from '../resource/tenant-traits.ts';
import { type CloudRequest, json, jsonObjectOf, type Reply, type Service } from '../web/http.ts';
import type { World } from '../world.ts';
import { endpointProblem, isAdminEndpoint, pagedCommand } from './admin-api.ts';
import { answerBatch } from './batch.ts';
import { createChanges, type TenantChanges } from './changes.ts';
import { cmdlets } from './cmdlets.ts';
import { ExchangeError, exchangeErrorReply, outOfReadScope, unknownCmdlet } from './exchange-error.ts';
import { invoke } from './invoke.ts';

const failure = (status: number, code: string, message: string): Reply => json(status, { error: { code, message } });

const adminPath = /^\/adminapi\/(beta|v1\.0|v2\.0)\/([^/]+)\/(InvokeCommand|\$batch|\w+)\/?$/i;

/** Cmdlets behind the addresses that Get-EXOMailbox, Get-EXOCasMailbox and Get-EXORecipient read. */
const readByAddress: Readonly<Record<string, string>> = {
  mailbox: 'Get-Mailbox',
  casmailbox: 'Get-CASMailbox',
  recipient: 'Get-Recipient',
};

/** What opens cmdlets, and what opens the Admin API ("Authentication and authorization for the Exchange Online Admin API"). */
const cmdletPermissions = ['Exchange.Manage', 'Exchange.ManageAsApp'];
const adminApiPermissions = ['Exchange.ManageV2', 'Exchange.ManageAsAppV2'];

/** Roles that may change something. Global Reader may only read ("Permissions in Exchange Online"). */
const rolesThatWrite = [directoryRoles['Exchange Administrator'], directoryRoles['Global Administrator']];

interface Target {
  readonly world: World;
  readonly engine: Engine;
  readonly caller: Caller;
  readonly changes: TenantChanges;
}

/** The administration endpoint of Exchange Online: cmdlets, alone and in batches. */
export function createExchange(world: World, engine: Engine): Service {
  const traits = createTenantTraits();
  const changesOf = createChanges(world.clock);
  return {
    name: 'exchange',
    identify: identifyByToken,
    handle: async (request) => {
      const caller = await callerOf(world, request, exchangeAppId);
      if (typeof caller === 'string') {
        return {
          ...failure(401, 'Unauthorized', 'Provide valid credential.'),
          headers: {
            'www-authenticate': 'Bearer client_id="00000002-0000-0ff1-ce00-000000000000"',
            'content-type': 'application/json',
          },
        };
      }
      const target = { world, engine, caller, changes: changesOf(caller.tenantId) };
      const refused = routeOf(request) === undefined ? unknownAddress(request) : refusalOf(target, request);
      return (
        refused ??
        traits.throttle(caller.customer) ?? { ...answer(target, request), ...traits.slowness(caller.customer) }
      );
    },
  };
}

interface Route {
  readonly version: string;
  readonly tenant: string;
  /** In lower case. */
  readonly name: string;
}

/** What a request asks for. Undefined: nothing that this endpoint has. */
function routeOf({ method, path }: CloudRequest): Route | undefined {
  const [, version = '', tenant = '', name = ''] = adminPath.exec(path) ?? [];
  const found = name.toLowerCase();
  const isAdminApi = version.toLowerCase() === 'v2.0';
  const isRead = Object.hasOwn(readByAddress, found) && !isAdminApi;
  const isKnown = isAdminApi ? isAdminEndpoint(found) : isRead || found === 'invokecommand' || found === '$batch';
  const expected = isRead ? 'GET' : 'POST';
  return !isKnown || method !== expected ? undefined : { version: version.toLowerCase(), tenant, name: found };
}

function unknownAddress(request: CloudRequest): Reply {
  request.facts.unmatched = true;
  return failure(404, 'NotFound', 'The requested resource does not exist.');
}

/** The reply for a caller who may not use the tenant at all. */
function refusalOf({ world, caller }: Target, request: CloudRequest): Reply | undefined {
  const { tenant = '', version = '' } = routeOf(request) ?? {};
  const known = world.isPartner(tenant) ? world.partner.tenantId : world.findCustomer(tenant)?.tenantId;
  if (known !== caller.tenantId)
    return failure(403, 'Forbidden', 'The tenant of the token is not the tenant of the request.');
  if (!(version === 'v2.0' ? adminApiPermissions : cmdletPermissions).some((name) => caller.permissions.has(name)))
    return failure(403, 'Forbidden', 'Insufficient privileges to complete the operation.');
  return hasDelegatedRole(world, caller, rolesThatAllow.exchange) ? undefined : noRole();
}

const noRole = (): Reply =>
  failure(403, 'Forbidden', 'The user has no role that allows this operation in the organization.');

/**
 * Reading for which Global Reader does not suffice ("Get-InboxRule"; office-docs-powershell issues 7365 and 9428), with the
 * answer. @throws ExchangeError
 */
const refusedToReaders: Readonly<Record<string, (command: Command) => Reply>> = {
  'Get-InboxRule': ({ input }) => {
    const [, mailbox] = Object.entries(input).find(([name]) => name.toLowerCase() === 'mailbox') ?? [];
    throw outOfReadScope(String(mailbox));
  },
  'Get-RecipientPermission': () => failure(401, 'Unauthorized', 'Insufficient privileges to complete the operation.'),
};

function answer(target: Target, request: CloudRequest): Reply {
  if (routeOf(request)?.name !== '$batch') return answerOne(target, request);
  const answerPart = (inner: CloudRequest): Reply => {
    const name = routeOf(inner)?.name;
    if (name === undefined || name === '$batch') return unknownAddress(inner);
    return refusalOf(target, inner) ?? answerOne(target, inner);
  };
  return answerBatch(request, answerPart) ?? failure(400, 'BadRequest', 'Invalid batch payload format.');
}

function answerOne(target: Target, request: CloudRequest): Reply {
  try {
    return run(target, request);
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    if (error.isGuess) request.facts.unmatched = true;
    return exchangeErrorReply(error);
  }
}

function run({ world, engine, caller, changes }: Target, request: CloudRequest): Reply {
  const { version = '', name = '' } = routeOf(request) ?? {};
  const isAdminApi = version === 'v2.0';
  const isRead = readByAddress[name] !== undefined && !isAdminApi;
  const written = isRead ? byAddress(readByAddress[name], request) : commandOf(request.body);
  if (written === undefined) return failure(400, 'BadRequest', 'CmdletInput.CmdletName is required.');
  const problem = isAdminApi ? endpointProblem(name, written) : undefined;
  if (problem !== undefined) return failure(400, 'BadRequest', problem);
  const command: Command & { readonly pageSize?: number } = isAdminApi ? pagedCommand(written) : written;
  const cmdlet = cmdlets.get(command.name.toLowerCase());
  if (cmdlet === undefined) throw unknownCmdlet(command.name);
  const refused = cmdlet.kind === 'write' ? noRole : refusedToReaders[cmdlet.name];
  if (refused !== undefined && !hasDelegatedRole(world, caller, rolesThatWrite)) return refused(command);
  const { customer, tenantId } = caller;
  const directory = customer === undefined ? world.partner.directory : world.directoryOf(customer);
  const root = world.addresses().exchange;
  const serving = { isRead: cmdlet.kind === 'read', effect: request.facts.effect };
  const invocation = {
    cmdlet,
    input: command.input,
    facts: factsOf({ world, tenantId, customer, directory }),
    changes,
    request,
    address: `${root}${request.path}`,
    context: `${root}/adminapi/${version}/${tenantId}/$metadata`,
    nowMs: world.clock.nowMs(),
    ...(command.pageSize === undefined ? {} : { pageSize: command.pageSize }),
    addUser: (profile: Profile) => addUser(engine, { world, tenantId, customer, directory }, profile),
  };
  return changes.states.serve(serving, () => invoke(invocation));
}

/** The account of a new mailbox: Graph lists it after the directory has replicated. */
function addUser(engine: Engine, keys: TenantKeys, profile: Profile): void {
  const { world, tenantId } = keys;
  engine.viewOf(tenantId).changes.putRow('users', {
    key: profile.user.id,
    row: userRow(factsOf(keys), profile),
    original: undefined,
    visibleMs: world.clock.nowMs() + world.settings.directoryPropagationMs,
  });
}

interface Command {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** The cmdlet in the body of InvokeCommand. */
function commandOf(body: string): Command | undefined {
  const input = jsonObjectOf(body)?.['CmdletInput'] as Record<string, unknown> | undefined;
  const name = input?.['CmdletName'];
  const parameters = input?.['Parameters'] ?? {};
  if (typeof name !== 'string' || typeof parameters !== 'object' || Array.isArray(parameters)) return undefined;
  return { name, input: parameters as Command['input'] };
}

/** A list by address: `$filter` and `$top` become parameters of the cmdlet. */
function byAddress(name: string | undefined, { query }: CloudRequest): Command {
  const [filter, top] = [query.get('$filter'), query.get('$top')];
  return {
    name: name ?? '',
    input: { ...(filter === null ? {} : { Filter: filter }), ResultSize: top ?? 'Unlimited' },
  };
}

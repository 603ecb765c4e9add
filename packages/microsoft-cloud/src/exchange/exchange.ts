import { exchangeAppId } from '../directory/microsoft-resources.ts';
import { factsOf } from '../population/graph/facts.ts';
import { directoryRoles, rolesThatAllow } from '../population/roles.ts';
import { type Caller, callerOf, identifyByToken } from '../resource/caller.ts';
import { hasDelegatedRole } from '../resource/delegated-roles.ts';
import { createTenantTraits } from '../resource/tenant-traits.ts';
import { type CloudRequest, json, jsonObjectOf, type Reply, type Service } from '../web/http.ts';
import type { World } from '../world.ts';
import { answerBatch } from './batch.ts';
import { createChanges, type TenantChanges } from './changes.ts';
import { cmdlets } from './cmdlets.ts';
import { ExchangeError, exchangeErrorReply, unknownCmdlet } from './exchange-error.ts';
import { invoke } from './invoke.ts';

const failure = (status: number, code: string, message: string): Reply => json(status, { error: { code, message } });

const adminPath = /^\/adminapi\/(beta|v1\.0)\/([^/]+)\/(InvokeCommand|\$batch|Mailbox|CasMailbox|Recipient)\/?$/i;

/** Cmdlets behind the addresses that Get-EXOMailbox, Get-EXOCasMailbox and Get-EXORecipient read. */
const readByAddress: Readonly<Record<string, string>> = {
  mailbox: 'Get-Mailbox',
  casmailbox: 'Get-CASMailbox',
  recipient: 'Get-Recipient',
};

/** Roles that may change something. Global Reader may only read ("Permissions in Exchange Online"). */
const rolesThatWrite = [directoryRoles['Exchange Administrator'], directoryRoles['Global Administrator']];

interface Target {
  readonly world: World;
  readonly caller: Caller;
  readonly changes: TenantChanges;
}

/** The administration endpoint of Exchange Online: cmdlets, alone and in batches. */
export function createExchange(world: World): Service {
  const traits = createTenantTraits();
  const changesOf = createChanges();
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
      const target = { world, caller, changes: changesOf(caller.tenantId) };
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
  const expected = Object.hasOwn(readByAddress, found) ? 'GET' : 'POST';
  return found === '' || method !== expected ? undefined : { version: version.toLowerCase(), tenant, name: found };
}

function unknownAddress(request: CloudRequest): Reply {
  request.facts.unmatched = true;
  return failure(404, 'NotFound', 'The requested resource does not exist.');
}

/** The reply for a caller who may not use the tenant at all. */
function refusalOf({ world, caller }: Target, request: CloudRequest): Reply | undefined {
  const tenant = routeOf(request)?.tenant ?? '';
  const known = world.isPartner(tenant) ? world.partner.tenantId : world.findCustomer(tenant)?.tenantId;
  if (known !== caller.tenantId)
    return failure(403, 'Forbidden', 'The tenant of the token is not the tenant of the request.');
  if (!caller.permissions.has('Exchange.Manage') && !caller.permissions.has('Exchange.ManageAsApp'))
    return failure(403, 'Forbidden', 'Insufficient privileges to complete the operation.');
  return hasDelegatedRole(world, caller, rolesThatAllow.exchange) ? undefined : noRole();
}

const noRole = (): Reply =>
  failure(403, 'Forbidden', 'The user has no role that allows this operation in the organization.');

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
    if (error instanceof ExchangeError) return exchangeErrorReply(error);
    throw error;
  }
}

function run({ world, caller, changes }: Target, request: CloudRequest): Reply {
  const { version = '', name = '' } = routeOf(request) ?? {};
  const command = readByAddress[name] === undefined ? commandOf(request.body) : byAddress(readByAddress[name], request);
  if (command === undefined) return failure(400, 'BadRequest', 'CmdletInput.CmdletName is required.');
  const cmdlet = cmdlets.get(command.name.toLowerCase());
  if (cmdlet === undefined) {
    // Exchange may know it.
    request.facts.unmatched = true;
    throw unknownCmdlet(command.name);
  }
  if (cmdlet.kind === 'write' && !hasDelegatedRole(world, caller, rolesThatWrite)) return noRole();
  const { customer, tenantId } = caller;
  const directory = customer === undefined ? world.partner.directory : world.directoryOf(customer);
  const root = world.addresses().exchange;
  return invoke({
    cmdlet,
    input: command.input,
    facts: factsOf({ world, tenantId, customer, directory }),
    changes,
    request,
    address: `${root}${request.path}`,
    context: `${root}/adminapi/${version}/${tenantId}/$metadata`,
    nowMs: world.clock.nowMs(),
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

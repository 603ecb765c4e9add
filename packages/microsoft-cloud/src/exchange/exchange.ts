import { exchangeAppId } from '../directory/microsoft-resources.ts';
import { rolesThatAllow } from '../population/roles.ts';
import { type Caller, callerOf, identifyByToken } from '../resource/caller.ts';
import { hasDelegatedRole } from '../resource/delegated-roles.ts';
import { createTenantTraits } from '../resource/tenant-traits.ts';
import { json, jsonObjectOf, type Reply, type Service } from '../web/http.ts';
import type { World } from '../world.ts';

const failure = (status: number, code: string, message: string): Reply => json(status, { error: { code, message } });

const invokePath = /^\/adminapi\/(?:beta|v1\.0)\/([^/]+)\/InvokeCommand\/?$/i;

/** The administration endpoint of Exchange Online, with a few read-only cmdlets. */
export function createExchange(world: World): Service {
  const traits = createTenantTraits();
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
      const tenant = invokePath.exec(request.path)?.[1];
      if (tenant === undefined || request.method !== 'POST') {
        request.facts.unmatched = true;
        return failure(404, 'NotFound', 'The requested resource does not exist.');
      }
      const known = world.isPartner(tenant) ? world.partner.tenantId : world.findCustomer(tenant)?.tenantId;
      if (known !== caller.tenantId)
        return failure(403, 'Forbidden', 'The tenant of the token is not the tenant of the request.');
      if (!caller.permissions.has('Exchange.Manage') && !caller.permissions.has('Exchange.ManageAsApp')) {
        return failure(403, 'Forbidden', 'Insufficient privileges to complete the operation.');
      }
      if (!hasDelegatedRole(world, caller, rolesThatAllow.exchange)) {
        return failure(403, 'Forbidden', 'The user has no role that allows this operation in the organization.');
      }
      return (
        traits.throttle(caller.customer) ?? {
          ...invoke(world, caller, request.body),
          ...traits.slowness(caller.customer),
        }
      );
    },
  };
}

function invoke(world: World, caller: Caller, body: string): Reply {
  const input = jsonObjectOf(body)?.['CmdletInput'] as Record<string, unknown> | undefined;
  const cmdlet = input?.['CmdletName'];
  if (typeof cmdlet !== 'string') return failure(400, 'BadRequest', 'CmdletInput.CmdletName is required.');
  const value = rowsOf(world, caller, cmdlet.toLowerCase());
  if (value !== undefined)
    return json(200, { '@odata.context': `${world.addresses().exchange}/adminapi/beta/$metadata`, value });
  return failure(
    400,
    'BadRequest',
    `The term '${cmdlet}' is not recognized as a name of a cmdlet that this session may run.`,
  );
}

function rowsOf(
  world: World,
  { customer }: Caller,
  cmdlet: string,
): readonly Readonly<Record<string, unknown>>[] | undefined {
  const name = customer?.initialDomain ?? world.partner.domain;
  const domains = [...new Set([name, customer?.defaultDomain ?? name])];
  switch (cmdlet) {
    case 'get-organizationconfig':
      return [
        { Name: name, DisplayName: customer?.name ?? world.partner.name, IsDehydrated: false, AuditDisabled: false },
      ];
    case 'get-accepteddomain':
      return domains.map((domain, index) => ({
        DomainName: domain,
        DomainType: 'Authoritative',
        InitialDomain: index === 0,
      }));
    case 'get-mailbox':
      return (customer === undefined ? [] : world.usersOf(customer))
        .filter(({ licences }) => licences.length > 0)
        .map((user) => ({
          ExternalDirectoryObjectId: user.id,
          DisplayName: user.displayName,
          PrimarySmtpAddress: user.userPrincipalName,
          RecipientTypeDetails: 'UserMailbox',
        }));
    default:
      return undefined;
  }
}

import { randomUUID } from 'node:crypto';
import { dayMs } from '../clock.ts';
import { publicClients } from '../directory/microsoft-resources.ts';
import { newApplication, newClientSecret, newPassword, newServicePrincipal } from '../directory/tenant-directory.ts';
import type { World } from '../world.ts';

/** An agent to register in the partner's tenant (Entra Agent ID). */
export interface AgentOptions {
  /** Default: `Agent`. */
  readonly displayName?: string;
  /** Application id of a blueprint that an earlier call has made. Default: a new one. */
  readonly blueprintId?: string;
  /** False: its tokens lack the optional claims. Default: true. */
  readonly optionalClaims?: boolean;
}

/** A registered agent. Its permissions are granted like those of other service principals. */
export interface RegisteredAgent {
  /** Application id of the blueprint, which authenticates for the agent. */
  readonly blueprintId: string;
  /** Undefined for a blueprint that was there before. */
  readonly blueprintSecret: string | undefined;
  /** `client_id` of the agent. */
  readonly agentId: string;
  /** Object id of the agent's service principal. */
  readonly objectId: string;
}

/** Reads the options from a JSON object. @throws TypeError for an unknown or invalid field. */
export function parseAgentOptions(value: Readonly<Record<string, unknown>>): AgentOptions {
  const types: Readonly<Record<string, string>> = {
    displayName: 'string',
    blueprintId: 'string',
    optionalClaims: 'boolean',
  };
  for (const [name, content] of Object.entries(value))
    if (typeof content !== types[name]) throw new TypeError(`"${name}" of the agent is not valid.`);
  return value;
}

/** Registers the identity of an agent, and its blueprint. @throws TypeError for an unknown blueprint. */
export function registerAgent(world: World, options: AgentOptions = {}): RegisteredAgent {
  const { directory } = world.partner;
  const { displayName = 'Agent', optionalClaims = true } = options;
  const made = options.blueprintId === undefined ? newBlueprint(world, `${displayName} blueprint`) : undefined;
  const blueprintId = made?.blueprintId ?? options.blueprintId ?? '';
  const blueprint = directory.servicePrincipalOf(blueprintId);
  if (blueprint === undefined) throw new TypeError(`There is no blueprint "${blueprintId}".`);
  const agentId = randomUUID();
  const objectId = randomUUID();
  directory.servicePrincipals.set(objectId, {
    ...blueprint,
    id: objectId,
    appId: agentId,
    displayName,
    createdMs: world.clock.nowMs(),
    type: 'ServiceIdentity',
    blueprintAppId: blueprintId,
    withoutOptionalClaims: !optionalClaims,
  });
  return { blueprintId, blueprintSecret: made?.blueprintSecret, agentId, objectId };
}

/** A client gets a token of a person for the blueprint, and sends it to the agent: Microsoft's own clients may. */
function newBlueprint(
  { partner: { directory }, clock }: World,
  name: string,
): Required<Pick<RegisteredAgent, 'blueprintId'>> & { readonly blueprintSecret: string } {
  const nowMs = clock.nowMs();
  const application = newApplication(directory.tenantId, name, nowMs);
  const scope = {
    id: randomUUID(),
    value: 'access_agent',
    adminConsentDisplayName: 'Access the agent',
    adminConsentDescription: 'Access the agent as the signed-in user.',
    type: 'User',
    isEnabled: true,
  };
  const blueprintSecret = newClientSecret();
  directory.applications.set(application.id, {
    ...application,
    identifierUris: [`api://${application.appId}`],
    scopes: [scope],
    preAuthorized: Object.keys(publicClients).map((appId) => ({ appId, delegatedPermissionIds: [scope.id] })),
    passwords: [newPassword(blueprintSecret, null, nowMs, nowMs + 180 * dayMs)],
  });
  const principal = newServicePrincipal(application, nowMs);
  directory.servicePrincipals.set(principal.id, principal);
  return { blueprintId: application.appId, blueprintSecret };
}

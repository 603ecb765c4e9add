import { applicationTag, type DirectoryState, type RegisteredApplication } from '../../lib/consent/directory-state.ts';
import { type PermissionProfile, requiredResourceAccess } from '../../lib/consent/permissions.ts';
import { type Clock, retry } from '../../lib/core/clock.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { graphStatus, type GraphWriter } from '../../lib/microsoft/graph.ts';
import { type JsonObject, textOf } from '../../lib/core/objects.ts';
import type { ClientCredential } from '../../lib/core/secrets.ts';
import type { CertificateDeps } from '../../lib/tokens/credential/client-certificate.ts';
import { clientKeys } from '../../lib/tokens/credential/client-keys.ts';
import type { IdentityTrust, IdentityTrustOptions } from '../../lib/tokens/credential/identity-trust.ts';
import { isRefused, proveClientCredential } from '../../lib/tokens/credential/prove-client-credential.ts';
import {
  federatedClient,
  issueAndStore,
  type IssueAndStoreDeps,
} from '../../lib/tokens/credential/renew-client-credential.ts';

/** The user as which the broker acts. */
export interface ServiceAccount {
  readonly objectId: string;
  /** User principal name. */
  readonly name: string;
}

/** The desired state. */
export interface SetupOptions extends IdentityTrustOptions {
  /** Name of the application in Key Vault and in policies. */
  readonly application: string;
  /** Its name in Entra. */
  readonly displayName: string;
  readonly profile: PermissionProfile;
  readonly credential: ClientCredential['kind'];
  /** The only user who may sign in to the application. Undefined: not known yet, so everybody in the tenant may. */
  readonly serviceAccount?: ServiceAccount | undefined;
  /** Object id of the managed identity that a federated credential trusts. */
  readonly managedIdentityObjectId?: string | undefined;
}

export const redirectUri = 'http://localhost';
export const signInAudience = 'AzureADMultipleOrgs';
/** Keeps administrators of customers, and whoever stole their rights, from adding a key with which to act as it. */
const servicePrincipalLockConfiguration = { isEnabled: true, allProperties: true };
/** The role of those who are assigned to an application without roles ("Grant an appRoleAssignment"). */
const defaultRoleId = '00000000-0000-0000-0000-000000000000';

/** Pauses until a new object is replicated ("Microsoft Graph best practices", eventual consistency). */
const replicationPausesMs = [1_000, 2_000, 4_000, 8_000, 15_000] as const;

/** Retries while Graph answers 400 or 404, as it does for a new object until all of its servers have it. */
export function retryUntilReplicated<T>(clock: Pick<Clock, 'sleep'>, work: () => Promise<T>): Promise<T> {
  return retry(work, {
    clock,
    attempts: replicationPausesMs.length + 1,
    afterError: (error, attempt) => {
      const status = graphStatus(error);
      return status === 400 || status === 404 ? replicationPausesMs[attempt - 1] : undefined;
    },
  });
}

/** @throws BrokerError resource_error if the property is missing or empty. */
export function requiredText(object: JsonObject, property: string): string {
  const value = textOf(object, property);
  if (value !== undefined && value !== '') return value;
  throw new BrokerError('resource_error', `Microsoft Graph returned an object without ${property}.`);
}

interface PostDeps {
  readonly writer: GraphWriter;
  readonly clock: Pick<Clock, 'sleep'>;
}

/** Creates the service principal of an application. @returns its id. */
export const createPrincipal = async ({ writer, clock }: PostDeps, body: JsonObject): Promise<string> =>
  requiredText(await retryUntilReplicated(clock, () => writer.post('/servicePrincipals', body)), 'id');

/** Adds a member to a collection. Succeeds if it is there already. */
export const addOnce = ({ writer, clock }: PostDeps, path: string, body: JsonObject): Promise<void> =>
  retryUntilReplicated(clock, async () => {
    await writer.post(path, body).catch((thrown: unknown) => {
      const message = thrown instanceof BrokerError ? String(thrown.logFields['resourceMessage']) : '';
      if (!/already exist/i.test(message)) throw thrown;
    });
  });

/** `graphIdentifier`, the identifier of Microsoft Graph in Entra, is also the base address of references. */
export interface ApplyDeps extends CertificateDeps, IssueAndStoreDeps {}

/**
 * What the steps of a plan do, with the ids of the objects that earlier steps created. All methods throw BrokerError from
 * Graph or Key Vault.
 */
export class StepRunner {
  readonly #deps: ApplyDeps;
  readonly #options: SetupOptions;
  readonly #state: DirectoryState;
  readonly #resourceIds: Map<string, string>;
  #objectId: string;
  #clientId: string;
  #principalId: string;

  constructor(deps: ApplyDeps, options: SetupOptions, state: DirectoryState) {
    this.#deps = deps;
    this.#options = options;
    this.#state = state;
    this.#resourceIds = new Map(state.resourceIds);
    this.#objectId = state.application?.objectId ?? '';
    this.#clientId = state.application?.clientId ?? '';
    this.#principalId = state.principalId ?? '';
  }

  get clientId(): string {
    return this.#clientId;
  }

  get writer(): GraphWriter {
    return this.#deps.writer;
  }

  get path(): string {
    return `/applications/${this.#objectId}`;
  }

  get principalPath(): string {
    return `/servicePrincipals/${this.#principalId}`;
  }

  async createPrincipal(): Promise<void> {
    this.#principalId = await createPrincipal(this.#deps, { appId: this.#clientId });
  }

  async createResourcePrincipal(appId: string): Promise<void> {
    this.#resourceIds.set(appId, await createPrincipal(this.#deps, { appId }));
  }

  grantRole(appId: string, appRoleId: string): Promise<void> {
    const resourceId = this.#resourceIds.get(appId) ?? '';
    const body = { principalId: this.#principalId, resourceId, appRoleId };
    return this.#post(`${this.principalPath}/appRoleAssignments`, body);
  }

  /** Lets only the service account sign in. It is assigned first, so that it is never locked out. */
  async requireAssignment({ objectId: principalId }: ServiceAccount): Promise<void> {
    const body = { principalId, resourceId: this.#principalId, appRoleId: defaultRoleId };
    await addOnce(this.#deps, `${this.principalPath}/appRoleAssignedTo`, body);
    await this.writer.patch(this.principalPath, { appRoleAssignmentRequired: true });
  }

  trust({ issuer, subject, audience }: IdentityTrust): Promise<void> {
    const name = `partner-token-broker-${this.#deps.newId().slice(0, 8)}`;
    return this.#post(`${this.path}/federatedIdentityCredentials`, { name, issuer, subject, audiences: [audience] });
  }

  async createApplication(): Promise<void> {
    const created = await this.writer.post('/applications', {
      displayName: this.#options.displayName,
      signInAudience,
      tags: [applicationTag(this.#options.application)],
      web: { redirectUris: [redirectUri] },
      servicePrincipalLockConfiguration,
      requiredResourceAccess: requiredResourceAccess(this.#options.profile),
    });
    this.#objectId = requiredText(created, 'id');
    this.#clientId = requiredText(created, 'appId');
  }

  updateApplication(): Promise<void> {
    const { application } = this.#state;
    return this.writer.patch(this.path, {
      signInAudience,
      tags: [...new Set([...(application?.tags ?? []), applicationTag(this.#options.application)])],
      ...otherPlatforms(application),
      web: { redirectUris: [...new Set([...(application?.redirectUris ?? []), redirectUri])] },
      servicePrincipalLockConfiguration,
      requiredResourceAccess: requiredResourceAccess(this.#options.profile),
    });
  }

  async grantScopes(appId: string, scopes: readonly string[], grantId: string | undefined): Promise<void> {
    const scope = scopes.join(' ');
    if (grantId !== undefined) return this.writer.patch(`/oauth2PermissionGrants/${grantId}`, { scope });
    const resourceId = this.#resourceIds.get(appId) ?? '';
    const body = { clientId: this.#principalId, consentType: 'AllPrincipals', resourceId, scope };
    return this.#post('/oauth2PermissionGrants', body);
  }

  /** Adds the application's service principal to a collection. */
  join(path: string): Promise<void> {
    const reference = `${this.#deps.graphIdentifier}/v1.0/directoryObjects/${this.#principalId}`;
    return addOnce(this.#deps, `${path}/$ref`, { '@odata.id': reference });
  }

  /** One that could not be stored is removed again. */
  async addClientCredential(kind: 'secret' | 'certificate'): Promise<void> {
    const { application } = this.#options;
    const keys = clientKeys(this.#deps, application, this.path, kind);
    const retryingKeys = { ...keys, issue: () => retryUntilReplicated(this.#deps.clock, () => keys.issue()) };
    await issueAndStore(this.#deps, application, retryingKeys, {
      owner: this.#owner,
      write: (credential) => this.#deps.store.saveClientCredential(application, credential),
      isNewApplication: true,
    });
  }

  /**
   * Stores the managed identity. If this machine cannot prove that Entra accepts it, a client credential that works stays
   * in use until the app has proven the identity, however soon it ends.
   */
  async useManagedIdentity(): Promise<void> {
    const { store } = this.#deps;
    const { application } = this.#options;
    const { stored } = this.#state;
    const identity = federatedClient(this.#owner);
    const hasWorking = stored?.clientId === this.#clientId && !(await isRefused(this.#deps, stored));
    const isAccepted = (): Promise<boolean> =>
      proveClientCredential(this.#deps, identity).then(
        () => true,
        () => false,
      );
    if (hasWorking && !(await isAccepted())) await store.proposeClientCredential(application, identity);
    else await store.saveClientCredential(application, identity);
  }

  get #owner() {
    return { clientId: this.#clientId, tenantId: this.#options.partnerTenantId };
  }

  /** Posts what refers to an object that may be new. */
  async #post(path: string, body: JsonObject): Promise<void> {
    await retryUntilReplicated(this.#deps.clock, () => this.writer.post(path, body));
  }
}

/** The other platforms without {@link redirectUri}. Entra accepts an address on one platform only. */
const otherPlatforms = (application: RegisteredApplication | undefined): JsonObject =>
  Object.fromEntries(
    Object.entries(application?.otherRedirectUris ?? {})
      .filter(([, addresses]) => addresses.includes(redirectUri))
      .map(([platform, addresses]) => [platform, { redirectUris: addresses.filter((each) => each !== redirectUri) }]),
  );

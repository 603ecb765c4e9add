import { applicationTag, type DirectoryState, type RegisteredApplication } from '../../lib/consent/directory-state.ts';
import { requiredResourceAccess } from '../../lib/consent/permissions.ts';
import { type Clock, retry } from '../../lib/core/clock.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { graphStatus, type GraphWriter } from '../../lib/microsoft/graph.ts';
import { type JsonObject, textOf } from '../../lib/core/objects.ts';
import type { CertificateDeps } from '../../lib/tokens/credential/client-certificate.ts';
import { clientKeys } from '../../lib/tokens/credential/client-keys.ts';
import { isRefused, proveClientCredential } from '../../lib/tokens/credential/prove-client-credential.ts';
import {
  federatedClient,
  issueAndStore,
  type IssueAndStoreDeps,
} from '../../lib/tokens/credential/renew-client-credential.ts';
import { redirectUri, type SetupOptions, type Step, signInAudience } from './plan.ts';

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

/** Applies the steps of a plan. Keeps the ids of created objects for later steps. */
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

  get #path(): string {
    return `/applications/${this.#objectId}`;
  }

  /** @throws BrokerError from Graph or Key Vault. A client credential that could not be stored is removed again. */
  async apply(step: Step): Promise<void> {
    const { writer } = this.#deps;
    switch (step.kind) {
      case 'create_application':
        return this.#createApplication();
      case 'update_application':
        return writer.patch(this.#path, this.#updated());
      case 'create_principal':
        this.#principalId = await createPrincipal(this.#deps, { appId: this.#clientId });
        return;
      case 'create_resource_principal':
        this.#resourceIds.set(step.resource.appId, await createPrincipal(this.#deps, { appId: step.resource.appId }));
        return;
      case 'grant_scopes':
        return this.#grantScopes(step.resource.appId, step.scopes, step.grantId);
      case 'withdraw_scopes':
        return writer.remove(`/oauth2PermissionGrants/${step.grantId}`);
      case 'grant_role':
        return this.#post(`/servicePrincipals/${this.#principalId}/appRoleAssignments`, {
          principalId: this.#principalId,
          resourceId: this.#resourceIds.get(step.resource.appId) ?? '',
          appRoleId: step.roleId,
        });
      case 'withdraw_role':
        return writer.remove(`/servicePrincipals/${this.#principalId}/appRoleAssignments/${step.roleGrantId}`);
      case 'own_itself':
        return this.#addReference(`${this.#path}/owners/$ref`);
      case 'join_admin_agents':
        return this.#addReference(`/groups/${step.groupId}/members/$ref`);
      case 'trust_managed_identity':
        return this.#post(`${this.#path}/federatedIdentityCredentials`, {
          name: `partner-token-broker-${this.#deps.newId().slice(0, 8)}`,
          issuer: step.trust.issuer,
          subject: step.trust.subject,
          audiences: [step.trust.audience],
        });
      case 'add_secret':
        return this.#addClientCredential('secret');
      case 'add_certificate':
        return this.#addClientCredential('certificate');
      case 'store_federated':
        return this.#useManagedIdentity();
    }
  }

  async #createApplication(): Promise<void> {
    const created = await this.#deps.writer.post('/applications', {
      displayName: this.#options.displayName,
      signInAudience,
      tags: [applicationTag(this.#options.application)],
      web: { redirectUris: [redirectUri] },
      requiredResourceAccess: requiredResourceAccess(this.#options.profile),
    });
    this.#objectId = requiredText(created, 'id');
    this.#clientId = requiredText(created, 'appId');
  }

  #updated(): JsonObject {
    const { application } = this.#state;
    return {
      signInAudience,
      tags: [...new Set([...(application?.tags ?? []), applicationTag(this.#options.application)])],
      ...otherPlatforms(application),
      web: { redirectUris: [...new Set([...(application?.redirectUris ?? []), redirectUri])] },
      requiredResourceAccess: requiredResourceAccess(this.#options.profile),
    };
  }

  async #grantScopes(appId: string, scopes: readonly string[], grantId: string | undefined): Promise<void> {
    const scope = scopes.join(' ');
    if (grantId !== undefined) return this.#deps.writer.patch(`/oauth2PermissionGrants/${grantId}`, { scope });
    const resourceId = this.#resourceIds.get(appId) ?? '';
    const body = { clientId: this.#principalId, consentType: 'AllPrincipals', resourceId, scope };
    return this.#post('/oauth2PermissionGrants', body);
  }

  /** Adds the application's service principal to a collection of references. */
  #addReference(path: string): Promise<void> {
    const reference = `${this.#deps.graphIdentifier}/v1.0/directoryObjects/${this.#principalId}`;
    return addOnce(this.#deps, path, { '@odata.id': reference });
  }

  async #addClientCredential(kind: 'secret' | 'certificate'): Promise<void> {
    const { application } = this.#options;
    const keys = clientKeys(this.#deps, application, this.#path, kind);
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
  async #useManagedIdentity(): Promise<void> {
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
    await retryUntilReplicated(this.#deps.clock, () => this.#deps.writer.post(path, body));
  }
}

/** The other platforms without {@link redirectUri}. Entra accepts an address on one platform only. */
const otherPlatforms = (application: RegisteredApplication | undefined): JsonObject =>
  Object.fromEntries(
    Object.entries(application?.otherRedirectUris ?? {})
      .filter(([, addresses]) => addresses.includes(redirectUri))
      .map(([platform, addresses]) => [platform, { redirectUris: addresses.filter((each) => each !== redirectUri) }]),
  );

import { setTimeout as delay } from 'node:timers/promises';
import { ManagedIdentityApplication } from '@azure/msal-node';
import { ManagedIdentityCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';
import { vi } from 'vitest';
import type { Clock } from '../../../src/lib/core/clock.ts';
import { KeyVaultCredentialStore } from '../../../src/lib/tokens/credential/key-vault-credential-store.ts';
import { trustOfAssertion } from '../../../src/lib/tokens/credential/identity-trust.ts';
import { clouds, withEndpoints } from '../../../src/lib/core/resources.ts';
import { createMsalRedeemer } from '../../../src/lib/microsoft/redeemer.ts';
import { createGraphClient, createGraphWriter } from '../../../src/lib/microsoft/graph.ts';
import type { Fetch } from '../../../src/lib/core/outbound.ts';
import { parseTenantId, type TenantId } from '../../../src/lib/core/identifiers.ts';
import { federatedAssertion } from '../../../src/lib/config/identity.ts';
import { Limiter } from '../../../src/lib/core/limiter.ts';
import { Secret } from '../../../src/lib/core/secrets.ts';
import { type ConsentOptions, obtainConsent } from '../../../src/operator/setup/consent.ts';
import { profiles } from '../../../src/lib/consent/permissions.ts';
import { runSetup, type SetupDeps, type SetupRequest } from '../../../src/operator/setup/setup.ts';
import type { SignInMethod } from '../../../src/operator/setup/sign-in.ts';
import * as control from 'microsoft-cloud/client';
import type { CloudOptions, RunningCloud } from 'microsoft-cloud';
import { certificatesWithSharedKeys } from '../../fakes/certificates.ts';
import { recordingLogger } from '../../fakes/recording-logger.ts';
import { type Canary, LeakScan } from '../../support/leak-scan.ts';
import { account, adminToken, startTrustedCloud } from 'microsoft-cloud/testing';

const fetch: Fetch = (url, init) => globalThis.fetch(url, init);

/** Shortens pauses between attempts to at most 5 ms. Deadlines keep their length, so that they are never reached. */
async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const isDeadline = signal !== undefined && ms >= 2_500;
  await delay(isDeadline ? ms : Math.min(ms, 5), undefined, signal ? { signal } : {});
}

/** MSAL keeps the endpoint and the tokens of the managed identity in static memory: they may be those of an earlier cloud. */
export function forgetIdentity(): void {
  const client: unknown = Reflect.get(new ManagedIdentityApplication(), 'managedIdentityClient');
  Reflect.set((client as object).constructor, 'identitySource', undefined);
  Reflect.set(ManagedIdentityApplication, 'nodeStorage', undefined);
}

/**
 * An operator of a simulated cloud, with the real SDKs and the product's code in this process. Pauses take no time, and
 * the product uses the clock of the cloud. `stop` throws when the log or a note contains a secret from the vault.
 */
export async function startOperator(options: CloudOptions = {}) {
  const cloud = await startTrustedCloud({ tenants: 5, plain: true, ...options });
  const { document } = cloud;
  forgetIdentity();
  vi.stubEnv('IDENTITY_ENDPOINT', document.managedIdentity.endpoint);
  vi.stubEnv('IDENTITY_HEADER', document.managedIdentity.header);
  const partnerTenantId = parseTenantId(document.partnerTenantId) as TenantId;
  const identity = new ManagedIdentityCredential({ clientId: document.managedIdentity.clientId });
  const secrets = new SecretClient(document.keyVault, identity, {
    disableChallengeResourceVerification: true,
    // The store must handle each failure, so the client does not retry.
    retryOptions: { maxRetries: 0 },
  });
  const store = new KeyVaultCredentialStore(secrets);
  const clock: Clock = { nowMs: () => cloud.clock.nowMs(), sleep };
  const { entra, graph, aadGraph, partnerCenter, exchange, arm } = document;
  const endpoints = withEndpoints(clouds.public, { entra, graph, aadGraph, partnerCenter, exchange, arm });
  const assertion = (): Promise<string> => federatedAssertion(identity, endpoints.federationAudience);
  const redeemer = createMsalRedeemer(
    { fetch, clock, federatedAssertion: assertion, loadMsal: () => import('@azure/msal-node') },
    document.entra,
  );
  const trustOptions = {
    entraEndpoint: document.entra,
    partnerTenantId,
    federationAudience: endpoints.federationAudience,
  };
  const identityTrust = async () => trustOfAssertion(trustOptions, await assertion());
  const newId = (): string => crypto.randomUUID();
  const createCertificate = certificatesWithSharedKeys();
  const exchangeDeps = { fetch, clock, random: () => 0, limiter: new Limiter(8) };
  const graphOf = (token: string) => {
    const binding = { baseUrl: document.graph, correlationId: newId(), token: async () => new Secret(token) };
    return { client: createGraphClient(exchangeDeps, binding), writer: createGraphWriter(exchangeDeps, binding) };
  };
  const canaryResource = endpoints.resources.graph;
  const signInDeps = {
    fetch,
    clock,
    entraEndpoint: document.entra,
    federatedAssertion: assertion,
    loadOAuth: () => import('oauth4webapi'),
  };

  const recorder = recordingLogger();
  const noted: { where: string; content: string }[] = [];
  const note = <T>(where: string, said: T): T => {
    noted.push({ where, content: typeof said === 'string' ? said : JSON.stringify(said) });
    return said;
  };
  /** All enabled versions: a replaced one may still be valid. */
  const secretsInTheVault = async (): Promise<Canary[]> => {
    const found: Canary[] = [];
    for await (const { name } of secrets.listPropertiesOfSecrets()) {
      for await (const { version = '', enabled } of secrets.listPropertiesOfSecretVersions(name)) {
        if (enabled === false) continue;
        found.push({ name: `${name} ${version}`, value: (await secrets.getSecret(name, { version })).value ?? '' });
      }
    }
    // "federated" and the made-up values of store tests are not secrets.
    return found.filter(({ value }) => value.length >= 12);
  };

  const close = async (): Promise<void> => {
    vi.unstubAllEnvs();
    await cloud.stop();
  };

  const setupDeps = async (username = account(cloud, 'admin')): Promise<SetupDeps> => {
    const { client, writer } = graphOf(await adminToken(cloud, username));
    return {
      graph: client,
      writer,
      store,
      redeemer,
      clock,
      newId,
      createCertificate,
      graphIdentifier: canaryResource,
      report: (step) => void note('a step of setup', step),
    };
  };
  const setupOptions = (more: Partial<SetupRequest> = {}): SetupRequest => ({
    application: 'default',
    displayName: 'Partner Token Broker',
    profile: profiles.gdap,
    credential: 'secret',
    ...trustOptions,
    managedIdentityObjectId: document.managedIdentity.principalId,
    ...more,
  });

  return {
    cloud,
    clock,
    identity,
    store,
    secrets,
    redeemer,
    newId,
    partnerTenantId,
    identityTrust,
    canaryResource,
    resources: endpoints.resources,
    endpoints: endpoints.endpoints,
    exchangeDeps,
    signInDeps,
    createCertificate,
    graphOf,
    /** Dependencies of a renewal: Graph with the application's own token. */
    renewal: () => ({
      createCertificate,
      identityTrust,
      graphIdentifier: canaryResource,
      graphOf: (token: Secret) => {
        const { client, writer } = graphOf(token.reveal());
        return { graph: client, writer };
      },
    }),
    setupDeps,
    setupOptions,
    log: recorder.log,
    note,
    /** Sets the application up and, in place of Partner Center, consents to it in the customers. */
    setUp: async (more: Partial<SetupRequest> = {}) => {
      const outcome = note('the outcome of setup', await runSetup(await setupDeps(), setupOptions(more)));
      await control.consentEverywhere(cloud.control);
      return outcome;
    },
    consent: async (method: SignInMethod, more: Partial<ConsentOptions> = {}) =>
      note(
        'the outcome of consent',
        await obtainConsent(
          { ...signInDeps, store, redeemer, newId, canaryResource },
          { application: 'default', account: account(cloud, 'broker'), method, ...more },
        ),
      ),
    /** Stops the cloud without a leak scan, for tests that note and log nothing. */
    close,
    /**
     * Scans what was noted and logged, and stops the cloud.
     * @param folders whose files are scanned, too.
     * @throws Error if there is a leak, or nothing to scan.
     */
    stop: async (...folders: readonly string[]) => {
      cloud.faults.clear();
      try {
        const scan = new LeakScan(await secretsInTheVault());
        for (const { line } of recorder.lines) scan.scan({ where: 'the log', content: line });
        for (const each of noted) scan.scan(each);
        for (const folder of folders) await scan.scanFolder(folder);
        console.log(scan.summary('log, files and outcomes'));
        scan.refuse();
        if (scan.bytes === 0) throw new Error('Nothing was noted or logged, so the leak scan proves nothing.');
      } finally {
        await close();
      }
    },
  };
}

export type TestOperator = Awaited<ReturnType<typeof startOperator>>;

/** A browser in which the given account signs in. */
export const browser = (
  cloud: RunningCloud,
  name: Parameters<typeof account>[1] = 'broker',
  options: control.SignInOptions = {},
): SignInMethod => ({
  kind: 'browser',
  openBrowser: async (url) => {
    const response = await fetch(await control.signIn(cloud.control, url, account(cloud, name), options), {});
    await response.arrayBuffer();
  },
});

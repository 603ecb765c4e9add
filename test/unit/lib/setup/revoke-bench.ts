import { createGraphClient } from '../../../../src/lib/graph/client.ts';
import { createGraphWriter } from '../../../../src/lib/graph/write.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { Limiter } from '../../../../src/lib/runtime/limiter.ts';
import { planRevocation, type RevokeOptions } from '../../../../src/lib/setup/revoke.ts';
import type { RevokeDeps, RevokeStep } from '../../../../src/lib/setup/revoke-steps.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../fakes/memory-credential-store.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

export const partner = '99999999-9999-4999-8999-999999999999' as TenantId;

const application = {
  id: 'object-id',
  passwordCredentials: [{ keyId: 'secret-1' }, { keyId: 'secret-2' }, { odd: true }, null],
  keyCredentials: [{ keyId: 'certificate-1' }],
};

/** A vault with a credential and a scripted Graph for a revocation. */
export class RevokeBench {
  readonly clock: FakeClock;
  store: MemoryCredentialStore;
  /** Answers a request before the default answers do. */
  graph: (request: SeenRequest) => Scripted | undefined = () => undefined;
  seen: SeenRequest[] = [];

  private constructor(clock: FakeClock, store: MemoryCredentialStore) {
    this.clock = clock;
    this.store = store;
  }

  static async create(): Promise<RevokeBench> {
    const clock = new FakeClock();
    const store = await storeWithCredential(partner, () => clock.nowMs());
    await store.saveRefreshToken('default', refreshTokenOf('second', clock.nowMs()));
    return new RevokeBench(clock, store);
  }

  deps(signal?: AbortSignal): RevokeDeps {
    const { clock, store } = this;
    const scripted = scriptedFetch((request) => {
      const own = this.graph(request);
      if (own !== undefined) return own;
      if (request.url.pathname.endsWith('/federatedIdentityCredentials')) return { value: [{ id: 'trust-1' }] };
      if (request.method === 'GET') return application;
      return new Response(null, { status: 204 });
    });
    this.seen = scripted.seen;
    const exchange = { fetch: scripted.fetch, clock, random: () => 0, limiter: new Limiter(4) };
    const binding = {
      baseUrl: 'https://graph.test',
      token: async () => new Secret('operator'),
      correlationId: 'id',
      signal,
    };
    return { graph: createGraphClient(exchange, binding), writer: createGraphWriter(exchange, binding), store, clock };
  }

  plan(options: Partial<RevokeOptions> = {}): Promise<readonly RevokeStep[]> {
    return planRevocation(this.deps(), { application: 'default', ...options });
  }

  async texts(options?: Partial<RevokeOptions>): Promise<string[]> {
    return (await this.plan(options)).map(({ text }) => text);
  }

  /** Method and path of each request that changes something. */
  requested(): string[] {
    return this.seen.filter(({ method }) => method !== 'GET').map(({ method, url }) => `${method} ${url.pathname}`);
  }
}

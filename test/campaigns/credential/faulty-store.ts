import type { CredentialStore } from '../../../src/lib/tokens/credential/credential-store.ts';
import { BrokerError } from '../../../src/lib/core/errors.ts';

export interface Disturbance {
  /** Share of the calls that fail. */
  readonly faultShare: () => number;
  readonly random: () => number;
  /** Lets other work run between two calls. */
  readonly turn: () => Promise<void>;
}

/** A store whose calls interleave with other work, and fail: refused, unanswered without effect, or with the reply lost. */
export function faultyStore(store: CredentialStore, { faultShare, random, turn }: Disturbance): CredentialStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        await turn();
        const way = random() < faultShare() ? Math.floor(random() * 3) : undefined;
        if (way === 0) throw failure(403);
        if (way === 1) throw failure(undefined);
        const result: unknown = await Reflect.apply(value, target, args);
        await turn();
        if (way === 2) throw failure(undefined);
        return result;
      };
    },
  });
}

const failure = (httpStatus: number | undefined): BrokerError =>
  new BrokerError('key_vault_unavailable', 'Key Vault did not answer.', { logFields: { httpStatus } });

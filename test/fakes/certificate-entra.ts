import { X509Certificate } from 'node:crypto';
import type { TokenReply } from '../../src/lib/microsoft/token-reply.ts';
import type { Redeemer, Redemption } from '../../src/lib/microsoft/redeemer.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import type { GraphClient, GraphWriter } from '../../src/lib/microsoft/graph.ts';
import type { JsonObject } from '../../src/lib/core/objects.ts';
import { Secret } from '../../src/lib/core/secrets.ts';
import { aadstsFailure } from './fake-redeemer.ts';

/**
 * One application in Entra with its certificates. A write replaces the whole list; an entry without a key refers to the
 * existing entry with its id. A certificate is accepted while it is listed and has not expired.
 */
export class CertificateEntra implements Redeemer, Pick<GraphClient, 'get'>, GraphWriter {
  keys: readonly JsonObject[] = [];
  /** All written bodies. */
  readonly written: (readonly JsonObject[])[] = [];
  readonly paths: string[] = [];
  script: (redemption: Redemption) => TokenReply | undefined = () => undefined;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async get(path: string): Promise<JsonObject> {
    this.paths.push(path);
    return { id: 'object', keyCredentials: this.keys.map((entry) => ({ ...entry, key: null })) };
  }

  async patch(path: string, { keyCredentials }: JsonObject): Promise<void> {
    this.paths.push(path);
    const wanted = keyCredentials as readonly JsonObject[];
    this.written.push(wanted);
    this.keys = wanted.map((entry) => {
      if (entry['key'] !== null) return entry;
      const known = this.keys.find(({ keyId }) => keyId === entry['keyId']);
      if (known === undefined) throw new BrokerError('resource_error', 'No such key.', { logFields: { status: 400 } });
      return known;
    });
  }

  post = (): Promise<never> => Promise.reject(new Error('certificates are not posted'));
  remove = (): Promise<never> => Promise.reject(new Error('certificates are not deleted one by one'));

  async redeem(redemption: Redemption): Promise<TokenReply> {
    const scripted = this.script(redemption);
    if (scripted !== undefined) return scripted;
    if (!this.takes(redemption.clientCredential)) return aadstsFailure(700027);
    const accessToken = new Secret('access-token');
    const expiresAtMs = this.#nowMs() + 3_600_000;
    return { ok: true, token: { accessToken, refreshToken: undefined, expiresAtMs, scopes: [], claims: {} } };
  }

  takes(credential: Redemption['clientCredential']): boolean {
    if (credential.kind !== 'certificate') return false;
    const key = new X509Certificate(credential.certificate).raw.toString('base64');
    const listed = this.keys.find((entry) => entry['key'] === key);
    return listed !== undefined && Date.parse(String(listed['endDateTime'])) > this.#nowMs();
  }
}

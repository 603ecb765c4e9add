import { createHash, X509Certificate } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, jwtVerify, type JWTPayload, type ProtectedHeaderParameters } from 'jose';
import type { Application, KeyCredential } from '../directory/records.ts';
import type { World } from '../world.ts';
import { entraTime, Refusal } from './refusal.ts';
import { verifyAccessToken } from './verify.ts';

const clockToleranceSeconds = 300;

interface ClientAssertion {
  readonly token: string;
  readonly claims: JWTPayload;
  readonly header: ProtectedHeaderParameters;
}

/**
 * Verifies a client assertion (RFC 7523). It is either signed by the client with a registered certificate, or a token
 * that a federated credential of the application trusts.
 * @param tenant as the token request names it.
 * @throws Refusal AADSTS50027, 700023, 700027, 700024, 70021, 700211, 700212, 700213, 700229.
 */
export async function verifyAssertion(
  world: World,
  application: Application,
  token: string,
  tenant: string,
): Promise<void> {
  const assertion = decode(token);
  if (assertion.claims.iss === application.appId) await verifySelfIssued(world, application, assertion, tenant);
  else await verifyFederated(world, application, assertion);
}

function decode(token: string): ClientAssertion {
  try {
    return { token, claims: decodeJwt(token), header: decodeProtectedHeader(token) };
  } catch {
    throw new Refusal(50027);
  }
}

async function verifySelfIssued(
  world: World,
  application: Application,
  { token, claims, header }: ClientAssertion,
  tenant: string,
): Promise<void> {
  const key = application.keys.find((each) => isNamed(each, header));
  const thumbprint = header.x5t ?? header['x5t#S256']?.toString() ?? '';
  const unknownKey = new Refusal(700027, { thumbprint, reason: 'The key was not found.' });
  if (key === undefined || key.key === '') throw unknownKey;
  const publicKey = new X509Certificate(Buffer.from(key.key, 'base64')).publicKey;
  const nowMs = world.clock.nowMs();
  if (key.endMs <= nowMs) throw new Refusal(700027, { thumbprint, reason: 'The key used is expired.' });
  try {
    await jwtVerify(token, publicKey, {
      algorithms: ['RS256', 'PS256'],
      currentDate: new Date(nowMs),
      clockTolerance: clockToleranceSeconds,
    });
  } catch (error) {
    throw isTimeError(error) ? outsideValidity(claims, nowMs) : unknownKey;
  }
  const audiences = acceptedAudiences(world.addresses().entra, tenant);
  const isAddressedHere = [claims.aud ?? []]
    .flat()
    .some((audience) => audiences.includes(audience.replace(/\/$/, '').toLowerCase()));
  if (!isAddressedHere) throw new Refusal(700023);
  if (claims.sub !== application.appId) throw unknownKey;
}

const acceptedAudiences = (entra: string, tenant: string): readonly string[] =>
  ['oauth2/v2.0/token', 'oauth2/token', 'v2.0', ''].map((end) => `${entra}/${tenant}/${end}`.replace(/\/$/, ''));

/** The header names the certificate by the thumbprint of its DER (RFC 7515 sections 4.1.7 and 4.1.8). */
function isNamed(key: KeyCredential, header: ProtectedHeaderParameters): boolean {
  const sha1 = Buffer.from(key.thumbprint, 'hex').toString('base64url');
  const sha256 = createHash('sha256').update(Buffer.from(key.key, 'base64')).digest('base64url');
  return header.x5t === sha1 || header['x5t#S256'] === sha256 || header.kid === key.thumbprint;
}

const isTimeError = (error: unknown): boolean =>
  error instanceof Error &&
  'claim' in error &&
  (error.claim === 'exp' || error.claim === 'nbf' || error.claim === 'iat');

function outsideValidity(claims: JWTPayload, nowMs: number): Refusal {
  const time = (seconds: number | undefined): string => (seconds === undefined ? 'unknown' : entraTime(seconds * 1000));
  return new Refusal(700024, { now: entraTime(nowMs), notBefore: time(claims.nbf), expires: time(claims.exp) });
}

async function verifyFederated(
  world: World,
  application: Application,
  { token, claims }: ClientAssertion,
): Promise<void> {
  const audience = [claims.aud ?? []].flat()[0] ?? '';
  const values = { issuer: claims.iss ?? '', subject: claims.sub ?? '', audience };
  const trusted = [...application.federated.values()];
  if (trusted.length === 0) throw new Refusal(70021, values);
  const sameIssuer = trusted.filter(({ issuer }) => issuer === claims.iss);
  if (sameIssuer.length === 0) throw new Refusal(700211, values);
  const sameSubject = sameIssuer.filter(({ subject }) => subject === claims.sub);
  if (sameSubject.length === 0) throw new Refusal(700213, values);
  if (!sameSubject.some(({ audiences }) => audiences.includes(audience))) throw new Refusal(700212, values);
  const verified = await verifyAccessToken(world, token);
  if (verified === 'expired') throw outsideValidity(claims, world.clock.nowMs());
  if (verified === 'invalid') throw new Refusal(700027, { thumbprint: '', reason: 'The key was not found.' });
  if (verified['idtyp'] !== 'app') throw new Refusal(700229);
}

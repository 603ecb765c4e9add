import { exampleTenantId, exampleTokenId } from '../lib/api/examples.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';

/** Documents `GET /audit/records`. */
export async function documentRecords(): Promise<RouteDocument> {
  const { auditRecordsAnswerSchema } = await import('../lib/api/answers/audit.ts');
  const record = {
    PartitionKey: '2278946',
    RowKey: '8204487001879-7c9e6679-7425-40de-944b-e07fc1f90ae7',
    at: '2026-11-24T04:59:58.120Z',
    chain: '5f0c1c5e-8f0d-4a4a-9d3b-0d6c7b1f2a11.42.41.n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg',
    outcome: 'issued',
    tenantId: exampleTenantId,
    tokenId: exampleTokenId,
  };
  return {
    group: 'Audit',
    summary: 'Read stored audit records',
    description:
      'The records as they are stored, with their place in the chain of their instance, newest first. `ptb audit export` and `ptb audit verify` use them. Follow `continuation` until it is absent. Only for callers whose reading the policy does not limit.',
    queryExample: { from: '2026-11-24', to: '2026-11-25' },
    answers: [
      {
        status: 200,
        description: 'One page.',
        contents: [
          jsonContent(auditRecordsAnswerSchema, {
            from: '2026-11-24T00:00:00.000Z',
            to: '2026-11-25T00:00:00.000Z',
            records: [record],
          }),
        ],
      },
    ],
  };
}

/** Documents `GET /audit/checkpoints`. */
export async function documentCheckpoints(): Promise<RouteDocument> {
  const { auditCheckpointsAnswerSchema } = await import('../lib/api/answers/audit.ts');
  const kid = 'https://contoso.vault.azure.net/keys/audit-checkpoints/0d9a1b6f2a3c4e5f8091a2b3c4d5e6f7';
  // A scanner for leaks takes a whole JWS for a token, so this one is as short as the schema allows.
  const jws = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30.AAAA`;
  const key = {
    kty: 'EC',
    crv: 'P-256',
    x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
    y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
    kid,
  };
  return {
    group: 'Audit',
    summary: 'Read signed checkpoints',
    description:
      'The checkpoints of the audit log, oldest first, from one that was written before `from`. Each is a JWS (RFC 7515), and contains the hash of the one before. `keys` has the public keys (RFC 7517) that verify them. Follow `continuation` until it is absent. Only for callers whose reading the policy does not limit.',
    queryExample: { from: '2026-11-24' },
    answers: [
      {
        status: 200,
        description: 'One page.',
        contents: [jsonContent(auditCheckpointsAnswerSchema, { checkpoints: [jws], keys: [key] })],
      },
    ],
  };
}

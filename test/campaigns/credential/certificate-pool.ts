import selfsigned from 'selfsigned';
import type { CreateCertificate } from '../../../src/lib/tokens/credential/client-certificate.ts';
import { clientCredentialName } from '../../../src/lib/core/secrets.ts';

type Created = Awaited<ReturnType<CreateCertificate>> & { readonly notAfterMs: number };

const dayMs = 86_400_000;
/** When the clock of each sequence starts. */
export const startMs = Date.UTC(2026, 10, 24);
const count = 60;
const spacingDays = 15;

/** Certificates that end from 15 to 900 days after the start of a sequence. Shared, because each takes 17 ms to create. */
let pool: Promise<readonly Created[]> | undefined;

async function create(nth: number): Promise<Created> {
  const notAfterMs = startMs + nth * spacingDays * dayMs;
  const { cert, private: privateKey } = await selfsigned.generate(
    [{ name: 'commonName', value: clientCredentialName }],
    {
      // Faster than RSA. The fake does not check signatures.
      keyType: 'ec',
      notBeforeDate: new Date(startMs - dayMs),
      notAfterDate: new Date(notAfterMs),
    },
  );
  return { certificate: cert, privateKey, notAfterMs };
}

/** Hands out certificates that one sequence has not used yet, with random ends at least 15 days from now. */
export function certificateSource(
  nowMs: () => number,
  pick: (choices: readonly Created[]) => Created,
): CreateCertificate {
  const used = new Set<Created>();
  return async () => {
    pool ??= Promise.all(Array.from({ length: count }, (_, nth) => create(nth + 1)));
    const unused = (await pool).filter((each) => !used.has(each) && each.notAfterMs > nowMs() + spacingDays * dayMs);
    const chosen = pick(unused);
    used.add(chosen);
    return chosen;
  };
}

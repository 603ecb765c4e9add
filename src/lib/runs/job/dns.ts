import type { RequestGate } from '../../microsoft/graph.ts';
import { BrokerError } from '../../core/errors.ts';
import { Limiter } from '../../core/limiter.ts';
import { isObject, objectsIn } from '../../core/objects.ts';

/** Asks for the text records of a name, each in the strings that DNS splits it into. Rejects as Node's resolver does. */
export type ResolveTxt = (name: string) => Promise<readonly (readonly string[])[]>;

/** Reads DNS about the domains of the tenant. */
export interface DnsClient {
  /**
   * The text records of a name, each in one piece (RFC 7208, section 3.3). None: the name or a text record does not exist.
   * Undefined: DNS did not say.
   * @param name one of the verified domains that the job has read with `graph`, or below it, or `_dmarc.` and a parent of it.
   * @throws BrokerError job_failed for another name, which is not asked for.
   */
  txt(name: string): Promise<readonly string[] | undefined>;
}

/** Questions of a job in one tenant at a time. */
const concurrency = 8;
/** "RFC 1035", section 2.3.4: 253 characters in text, 63 in a label. */
const nameForm = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+$/;

/**
 * A client, and the gate that tells it the verified domains in answers of Graph. A name outside them would carry data of the
 * tenant to whoever has that domain.
 * @param gate of the job's Graph client.
 */
export function createDnsClient(
  resolveTxt: ResolveTxt,
  gate: RequestGate,
): { readonly dns: DnsClient; readonly gate: RequestGate } {
  const domains = new Set<string>();
  const limiter = new Limiter(concurrency);
  const isOfTenant = (name: string): boolean => {
    const parent = name.startsWith('_dmarc.') ? name.slice('_dmarc'.length) : undefined;
    return [...domains].some(
      (domain) => name === domain || name.endsWith(`.${domain}`) || (parent !== undefined && domain.endsWith(parent)),
    );
  };
  return {
    dns: {
      txt: async (written) => {
        const name = written.toLowerCase();
        if (!nameForm.test(name) || !isOfTenant(name))
          throw new BrokerError(
            'job_failed',
            'The job asked DNS for a name outside the verified domains of the tenant. It has to read /domains with id and isVerified first.',
          );
        return limiter.run(() => resolveTxt(name).then(whole, absentOrUnknown));
      },
    },
    gate: {
      admit: async (request) => {
        const admitted = await gate.admit(request);
        if (!/^\/(?:v1\.0|beta)\/domains(?:$|[/?])/i.test(admitted.path)) return admitted;
        return {
          ...admitted,
          visible: async (value) => {
            const shown = await admitted.visible(value);
            for (const { id, isVerified } of isObject(shown) ? objectsIn(shown['value']) : [])
              if (typeof id === 'string' && isVerified === true) domains.add(id.toLowerCase());
            return shown;
          },
        };
      },
    },
  };
}

const whole = (records: readonly (readonly string[])[]): readonly string[] =>
  records.map((strings) => strings.join(''));

/** ENOTFOUND: the name does not exist (NXDOMAIN). ENODATA: it has no text records. Everything else leaves it open. */
function absentOrUnknown(error: unknown): readonly string[] | undefined {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOTFOUND' || code === 'ENODATA' ? [] : undefined;
}

import { type Comparison, opensMethod, opensPath, type RequestLimit } from '../../access/policy/request-limit.ts';
import { notPermitted } from '../../judge/refusal.ts';

/** @throws Refusal if `requests` of a rule does not open the method and the path. */
export function refuseUnlisted(
  limit: RequestLimit,
  { method, path }: { readonly method: string; readonly path: string },
  comparison: Comparison,
): void {
  if (opensMethod(limit, method) && opensPath(limit, path, comparison)) return;
  throw notPermitted(`The requests that the rule lists do not include ${method} ${path}; ask for a rule that does.`);
}

import { auditChain } from './audit-chain.ts';
import { cachedToken } from './cached-token.ts';
import { changes } from './changes.ts';
import { cloud } from './cloud.ts';
import { coldStorm } from './cold-storm.ts';
import { dashboard } from './dashboard.ts';
import { exec } from './exec.ts';
import { extract } from './extract.ts';
import { fanOut } from './fan-out.ts';
import { interactive } from './interactive.ts';
import { longestSlice } from './longest-slice.ts';
import { redemptions } from './redemptions.ts';
import { resultPages } from './result-pages.ts';
import { gateway } from './gateway.ts';
import { gatewayJudge } from './gateway-judge.ts';
import { policyDecision } from './policy-decision.ts';
import { policyReplay } from './policy-replay.ts';
import { query } from './query.ts';
import { scale } from './scale.ts';
import { startUp } from './start-up.ts';
import { tokenOverHttp } from './token-over-http.ts';
import { upstreamRequests } from './upstream-requests.ts';
import type { Bench } from './measure.ts';

/** Every benchmark, in running order. */
export const benches: readonly Bench[] = [
  cachedToken,
  redemptions,
  tokenOverHttp,
  coldStorm,
  fanOut,
  interactive,
  longestSlice,
  resultPages,
  scale,
  startUp,
  upstreamRequests,
  gateway,
  gatewayJudge,
  policyDecision,
  policyReplay,
  exec,
  query,
  changes,
  auditChain,
  extract,
  dashboard,
  cloud,
];

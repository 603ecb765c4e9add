import type { Attack } from '../attack.ts';
import { floodedChat, hiddenValues } from './approvals.ts';
import { bombsAttack } from './bombs.ts';
import { breaker } from './breaker.ts';
import { collision } from './collision.ts';
import { connections, slow } from './connections.ts';
import { credential } from './credential.ts';
import { documents } from './documents.ts';
import { exec } from './exec.ts';
import { excluded } from './excluded.ts';
import { gateway } from './gateway.ts';
import { headers } from './headers.ts';
import { hosts } from './hosts.ts';
import { jwt } from './jwt.ts';
import { leaks } from './leaks.ts';
import { longestSlice } from './longest-slice.ts';
import { spreadsheet, terminal } from './output.ts';
import { patterns } from './patterns.ts';
import { editedPlan, plannedRun, withdrawnPolicy } from './planned-run.ts';
import { policy } from './policy.ts';
import { roles } from './roles.ts';
import { sideDoors } from './side-doors.ts';
import { signIn } from './sign-in.ts';
import { starvation } from './starvation.ts';
import { unrecorded } from './unrecorded.ts';

/** The attacks on the running app, in the order in which they are made. */
export const attacks: readonly Attack[] = [
  jwt,
  roles,
  gateway,
  hiddenValues,
  longestSlice,
  floodedChat,
  policy,
  exec,
  excluded,
  plannedRun,
  editedPlan,
  withdrawnPolicy,
  collision,
  documents,
  headers,
  hosts,
  sideDoors,
  signIn,
  terminal,
  spreadsheet,
  unrecorded,
  starvation,
  breaker,
  patterns,
  bombsAttack,
  slow,
  connections,
  leaks,
];

/** All attacks. `npm test` makes the short form of the credential attack in its own test (credential/campaign.test.ts). */
export const allAttacks: readonly Attack[] = [...attacks, credential];

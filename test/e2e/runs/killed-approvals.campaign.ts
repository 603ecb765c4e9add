import { testKilledApprovals } from './killed-approvals.ts';

// Three callers ask, and each may do so a hundred times an hour.
testKilledApprovals(50, 270, 4);

import { testKilledApprovals } from './killed-approvals.ts';

testKilledApprovals(50, 500, 4);

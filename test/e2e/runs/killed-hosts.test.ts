import { testKilledHosts } from './killed-hosts.ts';

// A short form; `npm run test:kills` runs the full campaign.
testKilledHosts({ kills: 5, tenants: 60, hosts: 1 });

import { testKilledHosts } from './killed-hosts.ts';

// A short form; `npm run test:kills` runs the full campaign.
testKilledHosts(5, 60);

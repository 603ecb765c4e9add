import { testKilledHosts } from './killed-hosts.ts';

// A part of the promise, each time; `npm run test:kills` keeps the whole of it.
testKilledHosts(8, 60);

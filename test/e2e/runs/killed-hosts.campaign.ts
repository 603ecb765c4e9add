import { testKilledHosts } from './killed-hosts.ts';

testKilledHosts(50, 200);

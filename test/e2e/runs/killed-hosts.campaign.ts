import { testKilledHosts } from './killed-hosts.ts';

testKilledHosts({ kills: 50, tenants: 200, hosts: 4 });

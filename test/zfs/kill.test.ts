// test-timeout-seconds: 1200
/** The crash matrix, over datasets of one pool. */
process.env['SNAPCOMMIT_TEST_VOLUMES'] = 'zfs';
await import('../crash/kill.test.js');

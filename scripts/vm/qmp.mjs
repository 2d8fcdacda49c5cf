// Asking QEMU something over its control socket (QMP): one question, one connection.
import { createConnection } from 'node:net';
import { RigError } from './tools.mjs';

/** Executes one command; returns its answer. */
export function qmp(socket, execute, argumentsOfIt = {}) {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    let text = '';
    connection.setEncoding('utf8').on('data', (more) => {
      text += more;
      const lines = text.split('\n');
      text = lines.pop();
      for (const answer of lines.map((line) => JSON.parse(line))) {
        if (answer.QMP !== undefined) send({ execute: 'qmp_capabilities', id: 'hello' });
        else if (answer.id === 'hello') send({ execute, arguments: argumentsOfIt, id: 'question' });
        else if (answer.id === 'question') {
          connection.destroy();
          if (answer.error === undefined) resolve(answer.return);
          else reject(new RigError(`QEMU refuses ${execute}: ${answer.error.desc}`));
        }
      }
    });
    const send = (message) => connection.write(`${JSON.stringify(message)}\n`);
    connection.on('error', (error) => reject(new RigError(`QEMU does not answer on ${socket}: ${error.message}`)));
    connection.on('close', () => reject(new RigError(`QEMU closed ${socket} without an answer`)));
  });
}

/** The host's port that leads to the guest's sshd. */
export async function sshPort(socket) {
  const table = await qmp(socket, 'human-monitor-command', { 'command-line': 'info usernet' });
  const found = /HOST_FORWARD\S*\s+\d+\s+127\.0\.0\.1\s+(\d+)\s/.exec(table);
  if (found === null) throw new RigError(`QEMU forwards no port to the guest's sshd:\n${table}`);
  return Number(found[1]);
}

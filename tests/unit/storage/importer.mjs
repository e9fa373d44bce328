// Prints, for each size given, the CID that ipfs-unixfs-importer gives for that many bytes, as chunks of the pattern in test_cid.py.
import { BlackHoleBlockstore } from "blockstore-core/black-hole";
import { importBytes } from "ipfs-unixfs-importer";
import { fixedSize } from "ipfs-unixfs-importer/chunker";
import { balanced } from "ipfs-unixfs-importer/layout";

for (const size of process.argv.slice(2).map(Number)) {
  const data = new Uint8Array(size);
  for (let i = 0; i < size; i++) data[i] = (i * 31 + (i >> 9)) & 0xff;
  const { cid } = await importBytes(data, new BlackHoleBlockstore(), {
    cidVersion: 1,
    rawLeaves: true,
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: 262144 }),
    layout: balanced({ maxChildrenPerNode: 174 }),
  });
  console.log(`${size} ${cid}`);
}

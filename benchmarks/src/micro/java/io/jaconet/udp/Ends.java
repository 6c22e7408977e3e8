package io.jaconet.udp;

import com.google.common.collect.ImmutableMap;
import io.jaconet.linux.DatagramTransport;
import io.jaconet.linux.OffHeap;
import io.jaconet.linux.PacketPort;
import io.jaconet.linux.ReceiveBatch;
import io.jaconet.linux.SendBatch;
import io.jaconet.linux.Slices;
import io.jaconet.linux.TunOffloads;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import java.io.IOException;

/** Both ends of a data path with one peer, which take everything at no cost and give nothing. */
class Ends implements PacketPort, DatagramTransport {
  static final int OVERLAY_MTU = 1472;
  static final IpAddress PEER = IpAddress.parse("192.0.2.2");
  static final DataPath.Settings SETTINGS =
      new DataPath.Settings("micro", ImmutableMap.of(), OVERLAY_MTU, SourceCheck.STRICT);
  static final ForwardingTable TABLE = ForwardingTable.of(
      ImmutableMap.of(IpPrefix.parse("10.244.2.0/24"), new Endpoint(PEER, 8285)));

  @Override
  public TunOffloads offloads() {
    return new TunOffloads(true, true, true);
  }

  @Override
  public int read(OffHeap memory, int offset, int capacity) {
    return 0;
  }

  @Override
  public boolean await() {
    return false;
  }

  @Override
  public boolean write(Slices packet) throws IOException {
    return true;
  }

  @Override
  public int send(SendBatch batch) {
    return 0;
  }

  @Override
  public boolean receive(ReceiveBatch batch) {
    return false;
  }

  @Override
  public void shutdown() {}

  @Override
  public void close() {}
}

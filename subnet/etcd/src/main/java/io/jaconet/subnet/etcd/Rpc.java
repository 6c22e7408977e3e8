package io.jaconet.subnet.etcd;

import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** A call of etcd's v3 protocol. */
final class Rpc {
  static final Rpc RANGE = unary("KV/Range");
  static final Rpc TXN = unary("KV/Txn");
  static final Rpc LEASE_GRANT = unary("Lease/LeaseGrant");
  static final Rpc LEASE_REVOKE = unary("Lease/LeaseRevoke");
  static final Rpc AUTHENTICATE = unary("Auth/Authenticate");
  static final Rpc STATUS = unary("Maintenance/Status");
  static final Rpc WATCH = new Rpc("Watch/Watch", MethodType.BIDI_STREAMING);

  private final MethodDescriptor<byte[], byte[]> descriptor;

  private Rpc(String name, MethodType type) {
    this.descriptor = MethodDescriptor.<byte[], byte[]>newBuilder()
        .setType(type)
        .setFullMethodName("etcdserverpb." + name)
        .setRequestMarshaller(new Unchanged())
        .setResponseMarshaller(new Unchanged())
        .build();
  }

  private static Rpc unary(String name) {
    return new Rpc(name, MethodType.UNARY);
  }

  MethodDescriptor<byte[], byte[]> descriptor() {
    return descriptor;
  }

  /** Messages are made and read by who sends and gets them, not by gRPC's threads. */
  private static final class Unchanged implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] message) {
      return new ByteArrayInputStream(message);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}

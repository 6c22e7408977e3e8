package io.jaconet.overlay;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** {@link LeaseAttributes} as flannel writes them into its store. */
final class LeaseAttributesJson {
  private static final int MAX_CHARS = 1 << 16;
  static final int MAX_TYPE_CHARS = 63;
  private static final Pattern BACKEND_TYPE =
      Pattern.compile("[A-Za-z0-9_-]{0," + MAX_TYPE_CHARS + "}");
  private static final IpAddress EXAMPLE_V4 = IpAddress.parse("192.0.2.1");
  private static final IpAddress EXAMPLE_V6 = IpAddress.parse("2001:db8::1");

  private LeaseAttributesJson() {}

  static LeaseAttributes read(String json) {
    var spelledAsByFlannel = json.length() <= MAX_CHARS ? FlannelSpelling.read(json) : null;
    return spelledAsByFlannel != null ? spelledAsByFlannel : readAnySpelling(json);
  }

  static LeaseAttributes readAnySpelling(String json) {
    var element = StrictJson.parse("the lease value", json, MAX_CHARS);
    if (!(element instanceof JsonObject object)) {
      throw new Setting(
              "the lease value", "an object", "{\"PublicIP\":\"192.0.2.1\",\"PublicIPv6\":null}")
          .wrong(element);
    }
    var fields = new JsonFields("", object);
    String type = fields.text("BackendType", "");
    if (!BACKEND_TYPE.matcher(type).matches()) {
      throw new Setting("BackendType", "a backend's name", "vxlan").wrong(new JsonPrimitive(type));
    }
    return new LeaseAttributes(
        fields.address("PublicIP", IpFamily.V4, EXAMPLE_V4),
        fields.address("PublicIPv6", IpFamily.V6, EXAMPLE_V6),
        type,
        text(fields.get("BackendData")),
        text(fields.get("BackendV6Data")));
  }

  private static @Nullable String text(@Nullable JsonElement data) {
    return data == null || data.isJsonNull() ? null : data.toString();
  }

  static @Nullable String compact(@Nullable String data) {
    if (data == null || data.length() <= MAX_CHARS && FlannelSpelling.isFlatObject(data)) {
      return data;
    }
    return text(StrictJson.parse("backend data", data, MAX_CHARS));
  }

  static String write(LeaseAttributes attributes) {
    var json = new StringBuilder(256).append("{\"PublicIP\":\"");
    // Never null: flanneld rejects the whole record then.
    json.append(attributes.publicIp(IpFamily.V4).orElse(IpAddress.unspecified(IpFamily.V4)));
    json.append("\",\"PublicIPv6\":");
    json.append(attributes.publicIp(IpFamily.V6).map(ip -> "\"" + ip + "\"").orElse("null"));
    if (!attributes.backendType().isEmpty()) {
      json.append(",\"BackendType\":").append(quoted(attributes.backendType()));
    }
    attributes
        .backendData(IpFamily.V4)
        .ifPresent(data -> json.append(",\"BackendData\":").append(data));
    attributes
        .backendData(IpFamily.V6)
        .ifPresent(data -> json.append(",\"BackendV6Data\":").append(data));
    return json.append('}').toString();
  }

  /** Does without the parser, most of whose cost is that it is loaded at all, for every name that a backend has. */
  private static String quoted(String backendType) {
    return BACKEND_TYPE.matcher(backendType).matches()
        ? '"' + backendType + '"'
        : new JsonPrimitive(backendType).toString();
  }
}

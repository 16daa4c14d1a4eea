#pragma once
// Whether memory is pooled. The address sanitizer must see every block being allocated and freed.

namespace thalweg::internal {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool pooling = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool pooling = false;
#else
inline constexpr bool pooling = true;
#endif
#else
inline constexpr bool pooling = true;
#endif

}  // namespace thalweg::internal

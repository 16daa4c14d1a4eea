// The page in Korean. {{NAME|FORMAT}} is a number from the results.

#include "examples/ch06/page.hpp"

namespace ch06 {

report::PageText korean() {
  return {
      .language = "ko",
      .title = "학습 관련 기술들",
      .introduction =
          "『밑바닥부터 시작하는 딥러닝』 6장을 C++ 라이브러리 Thalweg로 다시 구현했다. 절마다 수식, 프로그램의 핵심, "
          "결과, 그리고 그 결과에서 볼 점을 차례로 싣는다.",
      .how_to_read =
          "수치는 각 절에 적힌 시드들의 평균이다. 수치 아래에는 책의 프로그램을 몇 번 실행해 얻은 최솟값과 최댓값(기준 "
          "범위)을 적었다. ✓는 이 범위를 양쪽으로 그 폭만큼(적어도 5 %, 정확도는 0.01) 넓힌 구간 안에 우리 값이 "
          "들어온다는 뜻이고, ✗는 벗어났다는 뜻이다. 몇 번의 실행으로는 범위가 너무 좁다고 밝혀진 곳에는 책의 "
          "프로그램을 시드 열 개로 돌려 얻은 값을 그 아래에 적었다. 기준 범위는 벗어났지만 이 값 안에 드는 수치는 ✗로 "
          "남기되, 종료 상태를 1로 만들지는 않는다.",
      .contents = "차례",
      .ours = "측정값",
      .band = "책의 범위",
      .ten_seeds = "시드 10개",
      .inside = "책의 범위 안",
      .outside = "책의 범위 밖",
      .verdict = "책의 범위가 있는 수치 {1}개 가운데 {0}개가 범위 안에 있다.",
      .failed = "실패.",
      .not_run = "실행하지 않음.",
      .source = "소스",
      .run_with = "시드 {}, 데이터 {}, 스레드 {}개, {:.1f}초.",
      .incomplete = "이 절은 도중에 중단되어 일부 시드의 결과가 없다.",
      .sections =
          {{.id = "6.1.3",
            .title = "SGD가 지그재그로 움직이는 까닭",
            .idea = "확률적 경사 하강법(SGD)은 기울기 <i>g</i>의 반대 방향으로 학습률 <i>η</i>만큼 나아간다. 골짜기 "
                    "<i>f</i>(<i>x</i>, <i>y</i>) = <i>x</i>²/20 + <i>y</i>²는 가로지르는 방향으로는 가파르고 골을 "
                    "따라서는 거의 평평하다. 그래서 기울기가 최솟값 (0, 0)을 가리키는 곳이 거의 없다.",
            .formula = "<i>W</i> ← <i>W</i> − <i>ηg</i>",
            .seen = "왼쪽 그림의 화살표는 거의 모두 골짜기를 가로지르는 방향을 가리킨다. SGD는 이 방향을 따르므로 "
                    "30걸음 가운데 {{steps that cross the valley, of 30|.0f}}걸음이 건너편으로 넘어가고, 골을 따라서는 "
                    "−7에서 {{SGD, x after 30|.3f}}까지 천천히 움직인다. 이 학습률에서 경로는 <i>x</i> = "
                    "−7·0.905<sup>t</sup>, <i>y</i> = 2·(−0.9)<sup>t</sup>로 정확히 쓸 수 있는데, 프로그램의 결과와 이 "
                    "식의 차이는 {{distance from the closed form|.1e}}이다. 학습률이 1을 넘으면 진동이 점점 커진다."},
           {.id = "6.1.4",
            .title = "모멘텀과 NAG",
            .idea = "모멘텀은 굴러가는 공처럼 속도 <i>v</i>를 둔다. 같은 방향의 기울기는 쌓이고, 번갈아 바뀌는 "
                    "기울기는 서로 지워진다. 네스테로프 가속 경사(NAG)는 공이 곧 도착할 자리의 기울기를 미리 본다.",
            .formula = "<i>v</i> ← <i>αv</i> − <i>ηg</i>, &nbsp; <i>W</i> ← <i>W</i> + <i>v</i> &emsp; (NAG: 새 "
                       "<i>v</i>로 <i>W</i> ← <i>W</i> + <i>αv</i> − <i>ηg</i>)",
            .seen = "모멘텀은 크게 휘어지고 골을 따라 지나쳐서 30걸음 뒤 <i>x</i> = {{Momentum, x after 30|.3f}}에 "
                    "있다. NAG는 더 일찍 속도를 줄여 {{NAG, x after 30|.3f}}에 있다. 1차원 골짜기에서는 셋 다 <i>x</i> "
                    "= 4에서 같은 학습률로 출발한다. SGD는 위쪽 극솟값 <i>x</i> = {{SGD, ends at x|.2f}}(<i>g</i> = "
                    "{{SGD, with g(x)|.2f}})에 머무르고, 공은 언덕을 넘어 더 낮은 <i>x</i> = {{Momentum, ends at "
                    "x|.2f}}(<i>g</i> = {{Momentum, with g(x)|.2f}})까지 굴러간다. 다만 여기에는 운도 따른다. 출발점이 "
                    "다르면 어느 쪽에서 멈출지 알 수 없다."},
           {.id = "6.1.5",
            .title = "AdaGrad, RMSProp, AdaDelta",
            .idea = "매개변수마다 학습률을 따로 둔다. AdaGrad는 지금까지의 기울기 제곱을 모두 더한 값의 제곱근으로 "
                    "나누므로 가파른 방향일수록 걸음이 줄어든다. 이 합은 커지기만 하니 걸음은 결국 사라진다. RMSProp은 "
                    "오래된 기울기를 잊고, AdaDelta는 학습률마저 자신의 최근 걸음 크기로 대신한다.",
            .formula = "AdaGrad: <i>h</i> ← <i>h</i> + <i>g</i>², &nbsp; <i>W</i> ← <i>W</i> − <i>ηg</i>/(√<i>h</i> + "
                       "<i>ε</i>) &emsp; RMSProp: <i>h</i> ← <i>ρh</i> + (1 − <i>ρ</i>)<i>g</i>²",
            .seen = "AdaGrad는 곧장 내려가서 30걸음 뒤 <i>f</i>가 {{AdaGrad, f after 30|.1e}}이다. 학습률이 더 작은 "
                    "RMSProp은 {{RMSProp, f after 30|.3f}}이다. AdaDelta에는 처음에 기준이 될 크기가 없어서 첫걸음이 "
                    "√<i>ε</i> 정도밖에 되지 않는다. 30걸음 뒤에도 거의 그 자리라 <i>f</i> = {{AdaDelta, f after "
                    "30|.2f}}이고, 0.1 아래로 내려가는 데 {{steps until AdaDelta is below f = 0.1|.0f}}걸음이 걸린다. "
                    "마지막 그림은 걸음의 길이다."},
           {.id = "6.1.6",
            .title = "Adam, 그리고 모든 경로를 한자리에",
            .idea = "Adam은 두 생각을 합친다. 속도에 해당하는 기울기의 평균 <i>m</i>과, 매개변수별 학습률에 해당하는 "
                    "제곱의 평균 <i>v</i>를 함께 쓰고, 둘 다 0에서 시작한 만큼을 보정한다.",
            .formula = "<i>m</i> ← <i>m</i> + (1 − <i>β</i>₁)(<i>g</i> − <i>m</i>), &nbsp; <i>v</i> ← <i>v</i> + (1 − "
                       "<i>β</i>₂)(<i>g</i>² − <i>v</i>), &nbsp; <i>W</i> ← <i>W</i> − <i>η</i> √(1 − "
                       "<i>β</i>₂<sup>t</sup>)/(1 − <i>β</i>₁<sup>t</sup>) · <i>m</i>/(√<i>v</i> + <i>ε</i>)",
            .seen = "Adam의 경로는 모멘텀보다 차분하게 잦아드는 호를 그린다. 그렇다고 여기서 가장 빠른 것은 아니다. "
                    "30걸음 뒤의 <i>f</i>는 Adam {{Adam, f after 30|.3f}}, 모멘텀 {{Momentum, f after 30|.3f}}, SGD "
                    "{{SGD, f after 30|.3f}}, AdaGrad {{AdaGrad, f after 30|.1e}}이다. “Adam이 이긴다”는 이 그림의 "
                    "결론이 아니며, 학습률은 기법마다 눈대중으로 고른 것이다."},
           {.id = "6.1.7",
            .title = "어느 갱신 방법을 쓸까: 일곱 가지 기법, 아홉 가지 학습률",
            .idea = "언제나 가장 좋은 기법은 없으며, 학습률을 빼고는 이 물음을 던질 수도 없다. 각 기법으로 다음 절의 "
                    "신경망을 학습률 아홉 가지로 200번씩 갱신했다.",
            .formula = "",
            .seen = "좋은 학습률의 구간은 기법마다 다르다. 가장 좋은 학습률은 SGD {{SGD, best rate}}, 모멘텀 "
                    "{{Momentum, best rate}}, AdaGrad {{AdaGrad, best rate}}, Adam {{Adam, best rate}}이다. 그 "
                    "학습률에서 손실은 SGD {{SGD, its loss|.3f}}, 모멘텀 {{Momentum, its loss|.3f}}, AdaGrad "
                    "{{AdaGrad, its loss|.3f}}, RMSProp {{RMSProp, its loss|.3f}}, Adam {{Adam, its loss|.3f}}로, 기법 "
                    "사이의 차이는 같은 기법에서 학습률이 열 배 어긋났을 때의 차이보다 작다. 좋은 구간의 너비도 "
                    "다르다. 아홉 가지 학습률 가운데 Adam에는 {{Adam, rates with a loss below 0.5|.0f}}가지, SGD에는 "
                    "{{SGD, rates with a loss below 0.5|.0f}}가지가 쓸 만하다."},
           {.id = "6.1.8",
            .title = "MNIST로 본 네 가지 갱신 방법",
            .idea = "5층 신경망(784-100-100-100-100-10, ReLU)을 네 가지 기법으로 학습한다. 학습률은 각 기법의 "
                    "기본값이고, 초깃값과 2000개의 미니배치(크기 128)는 모두 같다.",
            .formula = "",
            .seen = "마지막 100번의 평균 손실은 SGD {{SGD, 1900–1999|.3f}}, 모멘텀 {{Momentum, 1900–1999|.3f}}, Adam "
                    "{{Adam, 1900–1999|.3f}}, AdaGrad {{AdaGrad, 1900–1999|.3f}}이다. 이 순서는 시드 가운데 {{seeds "
                    "with the order AdaGrad, Adam, Momentum, SGD|.0f}}개에서 그대로 나타난다. 시험 데이터의 정확도는 "
                    "SGD {{SGD, test|.1%}}, AdaGrad {{AdaGrad, test|.1%}}이다. 나머지 세 기법은 SGD보다 빨리 배우고, "
                    "끝에서는 서로 비슷해진다."},
           {.id = "6.2.1",
            .title = "가중치를 모두 같은 값으로 시작하면",
            .idea = "가중치의 초깃값을 모두 같게 하면 왜 안 될까? 한 층의 모든 뉴런이 같은 값을 계산하고 같은 기울기를 "
                    "받으므로 영원히 같은 채로 남기 때문이다.",
            .formula = "모든 <i>i</i>, <i>j</i>에서 <i>w</i><sub>ij</sub> = <i>c</i> &nbsp;⇒&nbsp; "
                       "∂<i>L</i>/∂<i>w</i><sub>ij</sub>는 은닉층의 모든 뉴런 <i>j</i>에서 같다",
            .seen = "300번 갱신한 뒤에도 첫째 층에서 서로 다른 뉴런은 {{He, different units, layer 1|.0f}}개가 아니라 "
                    "{{all 0.01, different units, layer 1|.0f}}개뿐이다. 뉴런이 30개인 신경망이 하나짜리와 다를 바 "
                    "없다. 시험 정확도는 {{all 0.01, test|.1%}}에 그치고, 무작위 초깃값을 쓴 같은 신경망은 {{He, "
                    "test|.1%}}이다. 왼쪽 그림에서 둘째 층의 가중치는 모두 한 가지 색이다."},
           {.id = "6.2.3",
            .title = "활성화값과 기울기의 분포",
            .idea = "N(0, 1)에서 뽑은 수를 뉴런 100개짜리 층 다섯 개에 통과시킨다. 각 층에서 나오는 값과 거꾸로 "
                    "돌아오는 기울기를 보면 학습이 될지 알 수 있다. 시그모이드의 양 끝에 몰린 값에는 기울기가 없고, "
                    "모두 비슷한 값은 아무것도 표현하지 못한다.",
            .formula = "Xavier(책의 방식): 분산 1/<i>n</i>, 시그모이드와 tanh용 &emsp; He: 분산 2/<i>n</i>, ReLU용. "
                       "<i>n</i>은 앞 층의 뉴런 수",
            .seen = "표준편차가 1이면 시그모이드의 값은 0과 1에 몰린다. 첫째 층 값의 {{share below .05 or above .95, "
                    "layer 1|.0%}}가 양 끝에서 0.05 안에 있다. 표준편차가 0.01이면 tanh의 값은 층마다 10분의 1로 줄어 "
                    "{{tanh, std 0.01, layer 1|.2g}}에서 {{tanh, std 0.01, layer 5|.2g}}가 된다. ReLU는 He "
                    "초깃값에서만 폭을 지켜 첫째 층 {{ReLU, He, layer 1|.2f}}, 다섯째 층 {{ReLU, He, layer "
                    "5|.2f}}이다. Xavier에서는 {{ReLU, Xavier, layer 1|.2f}}에서 {{ReLU, Xavier, layer 5|.2f}}로 줄고, "
                    "표준편차 1에서는 {{ReLU, std 1, layer 5|.0f}}까지 폭발한다. 돌아오는 기울기도 같은 이야기를 한다. "
                    "다섯째 층에서 표준편차 1이던 기울기가 첫째 층에서는, 표준편차 0.01인 시그모이드에서 {{sigmoid, "
                    "std 0.01: gradient, layer 1|.1e}}, He를 쓴 ReLU에서 {{ReLU, He: gradient, layer 1|.2f}}이다."},
           {.id = "6.2.4",
            .title = "MNIST로 본 가중치 초깃값",
            .idea = "6.1.8의 신경망을 SGD로 다시 학습한다. 초깃값만 표준편차 0.01, Xavier, He로 바꾼다. He는 초깃값도 "
                    "미니배치도 같은 6.1.8의 SGD 그 자체이므로, 두 절을 함께 실행하면 한 번만 학습한다.",
            .formula = "",
            .seen = "표준편차 0.01에서는 아무것도 배우지 못한다. 손실은 {{std 0.01, 1900–1999|.3f}}로, 찍을 때의 값(ln "
                    "10 = 2.303) 그대로이고 시험 정확도는 {{std 0.01, test|.1%}}이다. Xavier는 천천히 출발해 {{Xavier, "
                    "1900–1999|.3f}}에 이르고, ReLU에 맞춘 He는 {{He, 1900–1999|.3f}}, 정확도 {{He, test|.1%}}에 "
                    "이른다. 400~499번째에서 Xavier는 한창 내려가는 중이라 시드에 따라 {{Xavier, 400–499: lowest "
                    "seed|.2f}}에서 {{Xavier, 400–499: highest seed|.2f}}까지 벌어진다. 기준 범위는 책의 프로그램을 "
                    "시드 0~2로 돌린 값이다. 같은 프로그램이 시드 0~9에서는 1.03, 1.06, 1.00, 0.97, 1.60, 1.33, 1.20, "
                    "1.11, 1.08, 0.90(평균 1.128)을 내므로 책의 시드 0~4도 평균 1.133으로 범위를 벗어난다. 이 수치에는 "
                    "시드 세 개가 너무 적다. 깊은 신경망이 얼마나 빨리 배우는지, 배우기는 하는지를 초깃값이 결정한다."},
           {.id = "6.3.1",
            .title = "배치 정규화의 계산 그래프",
            .idea =
                "배치 정규화는 배치 안에서 각 특징의 평균을 0, 분산을 1로 만든 뒤, 학습되는 값으로 확대하고 이동한다. "
                "아래 그래프는 손으로 그린 것이 아니라 그 한 걸음을 기록한 테이프 그 자체다. 위가 순전파이고, 다음 "
                "그림은 역전파까지 담았다. 주황은 입력과 기울기, 노랑은 합, 초록은 원소별 연산이다.",
            .formula =
                "<i>μ</i> = Σ<i>x</i>/<i>n</i>, &nbsp; <i>σ</i>² = Σ(<i>x</i> − <i>μ</i>)²/<i>n</i>, &nbsp; <i>x̂</i> = "
                "(<i>x</i> − <i>μ</i>)/√(<i>σ</i>² + <i>ε</i>), &nbsp; <i>y</i> = <i>γx̂</i> + <i>β</i>",
            .seen = "순전파는 평균 → 분산 → 정규화 → 확대와 이동의 순서로 읽힌다. 배치 정규화에는 전용 기울기 공식이 "
                    "있어 역전파가 짧다. 이 공식과, 엔진이 한 단계씩 유도한 기울기의 차이는 {{largest difference of "
                    "the rule from the formula's gradients|.0e}}이다. 수치 미분과는 1차와 2차 미분의 원소 {{elements "
                    "of gradients checked|.0f}}개를 견주었고, 상대 오차는 가장 큰 것이 {{largest relative error, first "
                    "and second order|.0e}}이다. 배치 크기는 5다. 크기가 1이면 x̂이 모두 0이 되어 검사에 의미가 없다."},
           {.id = "6.3.2",
            .title = "배치 정규화의 효과",
            .idea = "6층 신경망이 표본 1,000개를 20에폭 동안 배운다. 배치 정규화를 쓸 때와 쓰지 않을 때를, 가중치 "
                    "초깃값의 표준편차 열여섯 가지에서 비교한다.",
            .formula = "",
            .seen = "배치 정규화가 없으면 표준편차가 0.2 근처일 때만 배운다. 0.293에서 {{std 0.293, plain|.0%}}, "
                    "0.158에서 {{std 0.158, plain|.0%}}, 0.0858에서 {{std 0.0858, plain|.0%}}, 0.0136에서 {{std "
                    "0.0136, plain|.1%}}이다. 배치 정규화를 쓰면 거의 모든 경우에 배운다. 0.0858에서 {{std 0.0858, "
                    "batch norm|.0%}}, 0.0136에서 {{std 0.0136, batch norm|.1%}}이다. 그렇다고 무엇이든 되는 것은 "
                    "아니다. 표준편차 1에서는 {{std 1, batch norm|.0%}}에 그치고, 0.001보다 작으면 결과가 "
                    "들쭉날쭉하다. 시드마다 32번의 실행 가운데 평균 {{runs that left the finite numbers|.1f}}번은 값이 "
                    "유한한 수를 벗어난다. 어디에서 시작되었는지는 아래에 적었으며, 실행은 멈추지 않고 이어진다."},
           {.id = "6.4.2",
            .title = "오버피팅과 가중치 감소",
            .idea = "7층 신경망에 표본을 300개만 보여 준다. 신경망은 이를 통째로 외우고, 보지 못한 데이터에는 "
                    "약해진다. 가중치 감소는 모든 가중치의 제곱을 손실에 더한다.",
            .formula = "<i>L</i> ← <i>L</i> + ½<i>λ</i>Σ<i>W</i>²",
            .seen = "가중치 감소가 없으면 훈련 정확도 {{no decay, train|.1%}}, 시험 정확도 {{no decay, test|.1%}}로 "
                    "차이가 {{no decay, gap|.3f}}이다. <i>λ</i> = 0.1이면 {{decay 0.1, train|.1%}}와 {{decay 0.1, "
                    "test|.1%}}로 차이가 {{decay 0.1, gap|.3f}}이다. 줄어드는 것은 차이이고, 시험 정확도 자체가 "
                    "오르지는 않는다. 벌점은 {{penalty at first|.1f}}에서 시작하며, 전체 손실은 {{total loss at the "
                    "end, decay 0.1|.1f}}로 끝나는데 대부분이 벌점이다."},
           {.id = "6.4.3",
            .title = "드롭아웃",
            .idea = "6.4.2의 신경망을 301에폭까지 학습한다. 드롭아웃은 훈련할 때 은닉층의 값을 확률 <i>p</i>로 0으로 "
                    "만든다. 책에서는 나머지를 그대로 두고 시험할 때 1 − <i>p</i>를 곱하며, 요즘의 ‘역(inverted)’ "
                    "방식은 훈련할 때 1 − <i>p</i>로 나눈다. 드롭아웃이 흉내 내는 것은 앙상블, 곧 여러 신경망의 답을 "
                    "평균하는 방법이다.",
            .formula = "훈련: <i>x</i> · 마스크, &nbsp; 시험: <i>x</i> · (1 − <i>p</i>) &emsp; 역 방식: <i>x</i> · "
                       "마스크/(1 − <i>p</i>), &nbsp; <i>x</i>",
            .seen = "드롭아웃이 없을 때의 차이는 {{no dropout, gap|.3f}}이다. p = 0.15이면 훈련 {{p = 0.15, "
                    "train|.1%}}, 시험 {{p = 0.15, test|.1%}}이고, p = 0.2이면 {{p = 0.2, train|.1%}}와 {{p = 0.2, "
                    "test|.1%}}로 차이가 {{p = 0.2, gap|.3f}}이다. 이때는 아직 학습이 끝나지 않았다. 역 방식은 "
                    "활성화값의 크기가 유지되므로 더 빨리 배워 {{p = 0.15, inverted, train|.1%}}와 {{p = 0.15, "
                    "inverted, test|.1%}}에 이른다. 드롭아웃을 쓰지 않은 신경망 다섯 개는 시험 정확도가 평균 {{one of "
                    "five nets, test|.1%}}이고, 다섯의 답을 평균하면 {{five nets averaged, test|.1%}}이다."},
           {.id = "6.5",
            .title = "하이퍼파라미터의 무작위 탐색",
            .idea = "하이퍼파라미터를 시험 데이터로 골라서는 안 되므로 훈련 표본 500개의 5분의 1을 검증용으로 떼어 "
                    "둔다. 학습률과 가중치 감소 계수는 자릿수가 중요하므로 로그 척도에서 뽑고, 둘째 단계에서는 첫 "
                    "단계에서 좋았던 범위로 좁힌다.",
            .formula = "<i>η</i> = 10<sup>u</sup>, <i>u</i>는 (−6, −2)에서 균등 &emsp; <i>λ</i> = 10<sup>u</sup>, "
                       "<i>u</i>는 (−8, −4)에서 균등",
            .seen = "100번의 시도 가운데 가장 좋은 것은 검증 정확도 {{best validation accuracy|.1%}}이고 그 학습률은 "
                    "{{its learning rate|.4f}}이다. {{trials that reach .5|.0f}}번이 0.5 이상에 이르고, 그 가운데 가장 "
                    "작은 학습률은 {{lowest learning rate among these|.4f}}이다(모두 시드들의 평균). 결과를 좌우하는 "
                    "것은 학습률이다. 정확도와의 상관계수가 학습률의 로그는 {{correlation of accuracy with log "
                    "learning rate|.2f}}, 가중치 감소 계수의 로그는 {{correlation of accuracy with log weight "
                    "decay|.2f}}이다. 둘째 단계는 학습률을 {{second round, lowest learning rate|.4f}}에서 {{second "
                    "round, highest learning rate|.4f}} 사이에서 뽑으며, 검증 정확도의 중앙값이 {{first round, median "
                    "validation accuracy|.1%}}에서 {{second round, median validation accuracy|.1%}}로 오른다. 가장 "
                    "좋은 학습률이 범위의 위쪽 끝에 있으니, 다음 단계에서는 그 너머도 살펴볼 만하다."},
           {.id = "gradients",
            .title = "층별 기울기 확인",
            .idea = "지금까지의 모든 결과는 기울기에 기대고 있다. 여기서는 모든 매개변수에서 원소 몇 개를 조금씩 "
                    "움직여 보고, 손실의 변화를 역전파가 준 기울기와 배정밀도로 비교한다.",
            .formula = "∂<i>L</i>/∂<i>w</i> ≈ (8(<i>L</i>(<i>w</i>+<i>h</i>) − <i>L</i>(<i>w</i>−<i>h</i>)) − "
                       "(<i>L</i>(<i>w</i>+2<i>h</i>) − <i>L</i>(<i>w</i>−2<i>h</i>))) / 12<i>h</i>",
            .seen = "표에는 매개변수마다 모든 시드에서 가장 큰 상대 차이를 적었다. 기본 신경망의 첫째 층은 "
                    "{{affine1.weight, multi-layer|.0e}}이다. 배치 정규화 바로 앞의 편향은 평균을 뺄 때 사라지므로 "
                    "기울기가 아예 없고, 남은 차이 {{affine1.bias, with batch norm and decay|.0e}}는 반올림 오차다."}},
      .words =
          {
              {"x after 30", "30걸음 뒤 x"},
              {"y after 30", "30걸음 뒤 y"},
              {"f after 30", "30걸음 뒤 f"},
              {"from the book", "책과의 차이"},
              {"Momentum", "모멘텀"},
              {"distance from the closed form", "식으로 쓴 경로와의 차이"},
              {"steps that cross the valley, of 30", "30걸음 가운데 골짜기를 건너는 걸음"},
              {"ends at x", "끝난 자리 x"},
              {"with g(x)", "그때의 g(x)"},
              {"steps until AdaDelta is below f = 0.1", "AdaDelta가 f = 0.1 아래로 내려갈 때까지의 걸음"},
              {"Adam is the highest of the four after 30 steps", "30걸음 뒤 Adam의 f가 넷 가운데 가장 크다"},
              {"best rate", "가장 좋은 학습률"},
              {"its loss", "그때의 손실"},
              {"rates with a loss below 0.5", "손실이 0.5 아래인 학습률의 수"},
              {"test", "시험"},
              {"train", "훈련"},
              {"gap", "차이"},
              {"seeds with the order AdaGrad, Adam, Momentum, SGD", "AdaGrad, Adam, 모멘텀, SGD의 순서가 나타난 시드"},
              {"all 0.01", "모두 0.01"},
              {"different units, layer 1", "1층의 서로 다른 뉴런"},
              {"last loss", "마지막 손실"},
              {"seeds in which all 30 units of both layers stayed equal",
               "두 층의 뉴런 30개가 모두 같은 채로 남은 시드"},
              {"layer 1", "1층"},
              {"layer 2", "2층"},
              {"layer 3", "3층"},
              {"layer 4", "4층"},
              {"layer 5", "5층"},
              {"sigmoid, std 1", "시그모이드, 표준편차 1"},
              {"sigmoid, std 1: gradient", "시그모이드, 표준편차 1: 기울기"},
              {"sigmoid, std 0.01", "시그모이드, 표준편차 0.01"},
              {"sigmoid, std 0.01: gradient", "시그모이드, 표준편차 0.01: 기울기"},
              {"sigmoid, Xavier", "시그모이드, Xavier"},
              {"sigmoid, Xavier: gradient", "시그모이드, Xavier: 기울기"},
              {"sigmoid, He", "시그모이드, He"},
              {"sigmoid, He: gradient", "시그모이드, He: 기울기"},
              {"tanh, std 1", "tanh, 표준편차 1"},
              {"tanh, std 1: gradient", "tanh, 표준편차 1: 기울기"},
              {"tanh, std 0.01", "tanh, 표준편차 0.01"},
              {"tanh, std 0.01: gradient", "tanh, 표준편차 0.01: 기울기"},
              {"tanh, Xavier: gradient", "tanh, Xavier: 기울기"},
              {"tanh, He: gradient", "tanh, He: 기울기"},
              {"ReLU, std 1", "ReLU, 표준편차 1"},
              {"ReLU, std 1: gradient", "ReLU, 표준편차 1: 기울기"},
              {"ReLU, std 0.01", "ReLU, 표준편차 0.01"},
              {"ReLU, std 0.01: gradient", "ReLU, 표준편차 0.01: 기울기"},
              {"ReLU, Xavier: gradient", "ReLU, Xavier: 기울기"},
              {"ReLU, He: gradient", "ReLU, He: 기울기"},
              {"share below .05 or above .95", "0.05 미만이거나 0.95를 넘는 비율"},
              {"std 0.01", "표준편차 0.01"},
              {"Xavier, 400–499: lowest seed", "Xavier, 400–499: 가장 낮은 시드"},
              {"Xavier, 400–499: highest seed", "Xavier, 400–499: 가장 높은 시드"},
              {"seeds in which std 0.01 never learns (loss above 2.29) and He is best",
               "표준편차 0.01은 배우지 못하고(손실 2.29 초과) He가 가장 좋은 시드"},
              {"elements of gradients checked", "확인한 기울기의 원소 수"},
              {"largest relative error, first order", "가장 큰 상대 오차, 1차"},
              {"largest relative error, first and second order", "가장 큰 상대 오차, 1차와 2차"},
              {"largest difference of the rule from the formula's gradients",
               "전용 공식과 유도한 기울기의 가장 큰 차이"},
              {"plain", "배치 정규화 없음"},
              {"batch norm", "배치 정규화"},
              {"std 1", "표준편차 1"},
              {"std 0.541", "표준편차 0.541"},
              {"std 0.293", "표준편차 0.293"},
              {"std 0.158", "표준편차 0.158"},
              {"std 0.0858", "표준편차 0.0858"},
              {"std 0.0464", "표준편차 0.0464"},
              {"std 0.0251", "표준편차 0.0251"},
              {"std 0.0136", "표준편차 0.0136"},
              {"std 0.00736", "표준편차 0.00736"},
              {"std 0.00398", "표준편차 0.00398"},
              {"std 0.00215", "표준편차 0.00215"},
              {"std 0.00117", "표준편차 0.00117"},
              {"std 0.000631", "표준편차 0.000631"},
              {"std 0.000341", "표준편차 0.000341"},
              {"std 0.000185", "표준편차 0.000185"},
              {"std 0.0001", "표준편차 0.0001"},
              {"runs that left the finite numbers", "유한한 수를 벗어난 실행의 수(시드당 평균)"},
              {"no decay", "가중치 감소 없음"},
              {"decay 0.1", "가중치 감소 0.1"},
              {"penalty at first", "처음의 벌점"},
              {"total loss at the end, decay 0.1", "끝의 전체 손실, 가중치 감소 0.1"},
              {"seeds in which decay narrows the gap", "가중치 감소로 차이가 줄어든 시드"},
              {"no dropout", "드롭아웃 없음"},
              {"p = 0.15, inverted", "p = 0.15, 역 방식"},
              {"one of five nets", "신경망 다섯의 평균 성적"},
              {"five nets averaged", "다섯의 답을 평균"},
              {"seeds in which p = 0.2 narrows the gap", "p = 0.2로 차이가 줄어든 시드"},
              {"best validation accuracy", "가장 좋은 검증 정확도"},
              {"its learning rate", "그때의 학습률"},
              {"trials that reach .5", "0.5에 이른 시도의 수"},
              {"lowest learning rate among these", "그 가운데 가장 작은 학습률"},
              {"correlation of accuracy with log learning rate", "정확도와 학습률 로그의 상관계수"},
              {"correlation of accuracy with log weight decay", "정확도와 가중치 감소 계수 로그의 상관계수"},
              {"validation", "검증"},
              {"learning rate", "학습률"},
              {"weight decay", "가중치 감소"},
              {"second round, lowest learning rate", "둘째 단계, 가장 작은 학습률"},
              {"second round, highest learning rate", "둘째 단계, 가장 큰 학습률"},
              {"second round, best validation accuracy", "둘째 단계, 가장 좋은 검증 정확도"},
              {"second round, median validation accuracy", "둘째 단계, 검증 정확도의 중앙값"},
              {"first round, median validation accuracy", "첫째 단계, 검증 정확도의 중앙값"},
              {"multi-layer", "기본 신경망"},
              {"with batch norm and decay", "배치 정규화와 가중치 감소를 더한 신경망"},
              // Captions and notes
              {"Left: the direction of steepest descent on the valley; right: the path of SGD, which swings from side "
               "to side",
               "왼쪽: 골짜기에서 가장 가파르게 내려가는 방향. 오른쪽: 좌우로 흔들리는 SGD의 경로"},
              {"Paths of Momentum and NAG: both overshoot along the valley, NAG less",
               "모멘텀과 NAG의 경로. 둘 다 골을 따라 지나치지만 NAG가 덜하다"},
              {"A valley with two minima: SGD stays in the upper one, Momentum and NAG roll through",
               "극솟값이 둘인 골짜기. SGD는 위쪽에 머물고 모멘텀과 NAG는 넘어간다"},
              {"Paths of AdaGrad, RMSProp and AdaDelta, 30 steps each", "AdaGrad, RMSProp, AdaDelta의 경로, 30걸음씩"},
              {"Paths of SGD, Momentum, AdaGrad and Adam, 30 steps each",
               "SGD, 모멘텀, AdaGrad, Adam의 경로, 30걸음씩"},
              {"The four paths on one map", "한 지도 위의 네 경로"},
              {"The valley in three dimensions, with the four paths on it", "3차원으로 본 골짜기와 네 경로"},
              {"Loss of seven optimizers at nine learning rates; gray: diverged",
               "일곱 가지 기법과 아홉 가지 학습률의 손실. 회색은 발산"},
              {"One seed: the first. The loss is the mean over iterations 150 to 199; gray cells diverged.",
               "첫째 시드만의 결과다. 손실은 150~199번째 갱신의 평균이며 회색 칸은 발산했다."},
              {"Training loss of the four optimizers on the same batches", "같은 미니배치로 본 네 기법의 훈련 손실"},
              {"Weights of the second layer after training: all equal, and all different",
               "학습한 뒤 둘째 층의 가중치: 모두 같은 경우와 모두 다른 경우"},
              {"Histograms of activations of five sigmoid layers, a row for each scale of weights",
               "시그모이드 다섯 층의 활성화값 분포, 행마다 다른 초깃값"},
              {"Histograms of gradients of five sigmoid layers, a row for each scale of weights",
               "시그모이드 다섯 층의 기울기 분포, 행마다 다른 초깃값"},
              {"Histograms of activations of five tanh layers, a row for each scale of weights",
               "tanh 다섯 층의 활성화값 분포, 행마다 다른 초깃값"},
              {"Histograms of gradients of five tanh layers, a row for each scale of weights",
               "tanh 다섯 층의 기울기 분포, 행마다 다른 초깃값"},
              {"Histograms of activations of five ReLU layers, a row for each scale of weights",
               "ReLU 다섯 층의 활성화값 분포, 행마다 다른 초깃값"},
              {"Histograms of gradients of five ReLU layers, a row for each scale of weights",
               "ReLU 다섯 층의 기울기 분포, 행마다 다른 초깃값"},
              {"Training loss with first weights of std 0.01, Xavier and He",
               "초깃값이 표준편차 0.01, Xavier, He일 때의 훈련 손실"},
              {"The graph of batch normalization, forward: mean, variance, normalize, scale and shift",
               "배치 정규화의 순전파 그래프: 평균, 분산, 정규화, 확대와 이동"},
              {"The same with its backward pass, as the tape has recorded both; dashed: what the backward pass is "
               "given",
               "역전파까지 담은 그래프. 둘 다 테이프에 기록된 그대로다. 파선: 역전파가 받는 값"},
              {"Training accuracy with batch normalization (solid) and without (dashed), for 16 standard deviations of "
               "the first weights",
               "배치 정규화를 쓴 경우(실선)와 쓰지 않은 경우(파선)의 훈련 정확도, 초깃값 표준편차 16가지"},
              {"Accuracy on the 300 training samples and on the test set, by epoch",
               "훈련 표본 300개와 시험 데이터의 에폭별 정확도"},
              {"Accuracy by epoch without dropout and with it, in the book's form and inverted",
               "드롭아웃이 없을 때와 있을 때(책의 방식과 역 방식)의 에폭별 정확도"},
              {"The best 20 trials, with learning rate η and weight decay λ: accuracy on the validation set (solid) "
               "and in training (dashed)",
               "가장 좋은 시도 20개의 학습률 η와 가중치 감소 λ: 검증 정확도(실선)와 훈련 정확도(파선)"},
              {"Validation accuracy by learning rate: the first round, and the second, narrower one",
               "학습률에 따른 검증 정확도: 첫째 단계와, 범위를 좁힌 둘째 단계"},
          },
  };
}

}  // namespace ch06
